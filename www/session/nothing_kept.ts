// What a browser without storage means for the visit.

import { NoStorageError, storageAbsence, writesFromPage } from "../storage/opfs.js";

/** @returns undefined where the browser keeps files */
export async function nothingKeptSentence(): Promise<string | undefined> {
  const absence = (await storageAbsence()) ?? (writesFromPage() ? undefined : new NoStorageError());
  return absence && `${absence.why}: all that is made here lasts for this visit, so download it, and ${absence.remedy} to have it kept.`;
}
