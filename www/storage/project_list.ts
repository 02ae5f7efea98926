// The list of the project's images, which is stored twice: project.next.json is written first, project.json after it.
// Whatever stops the page, one of them is whole; the one of the higher generation counts.

import type { DraftRecord } from "../document/draft.js";
import type { ObjectClass } from "../document/types.js";
import type { Display, Prompt, PromptRound } from "../engine/graysam.js";
import { readFile } from "./opfs.js";
import { type Spare, writeFile } from "./room.js";

const COPIES = ["project.next.json", "project.json"];
/** Braces of a torn list at which its last whole image may end. */
const MOST_TRIES = 8;
/** What is appended to the name of a list that cannot be read when it is put aside. */
const ASIDE = ".unread";

/** What the list has of an image. */
export interface ImageEntry {
  id: string;
  name: string;
  kind: "sample" | "file";
  page?: number;
  /** See `ImageFile`. */
  content?: string;
  path?: string;
  /** The name of the stored file; null: it is not stored. Undefined in lists of earlier versions: <id>.image. */
  file?: string | null;
  /** Its objects are about to be stored for the first time. */
  awaited?: boolean;
  display: Display | undefined;
  width: number;
  height: number;
  heldOut: boolean | undefined;
  done: boolean;
}

export interface ProjectList {
  /** Grows with every change of anything that is stored. 0: there is no list yet, or an earlier version wrote it. */
  generation: number;
  images: ImageEntry[];
  classes: ObjectClass[];
  currentClass: string | null;
  /** The id of the image that is open. */
  current: string | undefined;
  inHand: DraftRecord | null;
}

export interface ReadList {
  list: ProjectList;
  /** Whether it is a stored one. */
  stored: boolean;
  /** Names of copies that are there and cannot be read. */
  unreadable: string[];
}

/** A draft as earlier versions of the page stored it: the candidate was chosen of the last prompt's. */
interface EarlierDraft {
  prompts: Prompt[];
  ious: number[];
  selected: number;
  refined: number;
  corrections: number[] | null;
}

/** A draft as earlier versions stored it that asked about whole images only. */
type WholeImageDraft = Omit<DraftRecord, "rounds"> & { rounds: (Omit<PromptRound, "side"> & { side?: number })[] };

/** A stored draft, whichever version of the page stored it. */
export function draftOf(stored: DraftRecord | WholeImageDraft | EarlierDraft | null | undefined): DraftRecord | null {
  if (!stored) return null;
  if ("rounds" in stored) return { ...stored, rounds: stored.rounds.map((round) => ({ side: 0, ...round })) };
  const { prompts, ious, selected, refined, corrections } = stored;
  const rounds = prompts.map((prompt, i) => {
    const chosen = i === prompts.length - 1 && ious.length > 1;
    return { prompt, candidate: chosen ? selected : null, side: 0 };
  });
  return { rounds, refined, corrections };
}

/** @throws if it is no list */
function listIn(text: string): ProjectList {
  const stored = JSON.parse(text);
  if (!stored.images.every((entry: ImageEntry) => typeof entry.id === "string" && typeof entry.name === "string")) {
    throw new Error("an image has no name");
  }
  const { generation = 0, images, classes = [], currentClass = null, current } = stored;
  return { generation, images, classes, currentClass, current, inHand: draftOf(stored.inHand) };
}

/** @returns undefined if there is none */
async function readCopy(project: FileSystemDirectoryHandle, name: string): Promise<ProjectList | "unreadable" | undefined> {
  try {
    return listIn(await (await readFile(project, name)).text());
  } catch (error) {
    return error instanceof Error && error.name === "NotFoundError" ? undefined : "unreadable";
  }
}

/** The images with which a torn list begins. */
async function imagesBefore(project: FileSystemDirectoryHandle, names: string[]): Promise<ProjectList | undefined> {
  for (const name of names) {
    const text = await readFile(project, name).then(
      (file) => file.text(),
      () => "",
    );
    let end = text.length;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      end = text.lastIndexOf("}", end - 1);
      if (end < 0) break;
      try {
        return listIn(`${text.slice(0, end + 1)}]}`);
      } catch {
        // It ends within an image.
      }
    }
  }
  return undefined;
}

export async function readList(project: FileSystemDirectoryHandle): Promise<ReadList> {
  const unreadable: string[] = [];
  let newest: ProjectList | undefined;
  for (const name of COPIES) {
    const copy = await readCopy(project, name);
    if (copy === "unreadable") unreadable.push(name);
    else if (copy && (!newest || copy.generation > newest.generation)) newest = copy;
  }
  // The first list was being written: nothing had been stored before it.
  if (!newest && !unreadable.includes(COPIES[1])) unreadable.length = 0;
  const none: ProjectList = { generation: 0, images: [], classes: [], currentClass: null, current: undefined, inHand: null };
  const list = newest ?? (await imagesBefore(project, unreadable)) ?? none;
  return { list, stored: newest !== undefined, unreadable };
}

/** @param spare what may be removed for it */
export async function writeList(project: FileSystemDirectoryHandle, stored: ProjectList, spare?: Spare) {
  const content = new Blob([JSON.stringify(stored)]);
  const generations = await Promise.all(COPIES.map((name) => generationOf(project, name)));
  // After a stop the first copy may be the only whole one of the newest.
  const order = generations[0] > generations[1] ? COPIES.toReversed() : COPIES;
  for (const name of order) await writeFile(project, name, content, spare);
}

/** @returns -1 if it cannot be read */
async function generationOf(project: FileSystemDirectoryHandle, name: string) {
  const copy = await readCopy(project, name);
  return copy === "unreadable" || !copy ? -1 : copy.generation;
}

/** Puts lists aside that cannot be read, before others take their places. @throws where their bytes cannot be read either */
export async function putAside(project: FileSystemDirectoryHandle, names: string[]) {
  for (const name of names) await writeFile(project, `${name}${ASIDE}`, await readFile(project, name));
}

export const isAside = (name: string) => name.endsWith(ASIDE);

export const isList = (name: string) => COPIES.includes(name);
