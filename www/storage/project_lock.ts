// One page writes the project, and the sentences about why this one does not.

import { isFull, NoStorageError } from "./opfs.js";

/** How long a page that is being closed may still hold the project, in milliseconds. */
const PATIENCE = 1500;

/** Another page has the project. */
export class TakenError extends Error {}
/** Another page has stored the project since this one read it. */
export class StaleError extends Error {}

/** Resolves when this page has the project for itself. @returns gives it to another page; else it stays for as long as this one lives */
export function takeProject(): Promise<() => void> {
  return new Promise((resolve, reject) => {
    if (!navigator.locks || !navigator.storage?.getDirectory) return reject(new NoStorageError());
    navigator.locks
      .request("graysam-project", { signal: AbortSignal.timeout(PATIENCE) }, () => {
        return new Promise<void>((release) => resolve(() => release()));
      })
      .catch(() => reject(new TakenError()));
  });
}

/**
 * Why the project is not stored.
 * @param held whether all objects are stored nevertheless
 * @param filesHeld whether all images' files are
 */
export function storageSentence(error: unknown, held = false, filesHeld = false) {
  if (error instanceof TakenError) {
    return "GraySAM is open in another tab, which stores the labels; those made here are lost when this page is closed, so download them.";
  }
  if (error instanceof StaleError) {
    return "Another tab has stored labels since this page was opened, so what is done here is not stored; export it, then reload the page.";
  }
  if (error instanceof NoStorageError) {
    return `${error.why}, so labels, trainings and downloads are lost when it is closed; download them, and ${error.remedy} to have them kept.`;
  }
  if (isFull(error) && held && filesHeld) {
    return "The browser's storage is full; all objects are stored, but not the last change beside them, such as prompts in hand or a class: free some space, such as a downloaded model's.";
  }
  if (isFull(error) && held) {
    return "The browser's storage has no room for copies of all image files; the labels are stored, but images without any may have to be opened again after the page is closed.";
  }
  if (isFull(error)) {
    return "The browser's storage is full, so the labels are lost when this page is closed; download them, or free some space, such as a downloaded model's, and change a label to have them stored.";
  }
  const reason = error instanceof Error ? error.message : String(error);
  if (held) {
    return `The labels are stored, but a copy of an image file could not be (${reason}), so that image has to be opened again after the page is closed.`;
  }
  return `The labels could not be stored (${reason}), so they are lost when this page is closed; download them.`;
}
