// The objects of an image as a file, <id>.objects. What replaces it is stored as <id>.objects.next first, so that one of
// them is whole whatever stops the page.

import type { PackedObjects } from "../document/project.js";
import { recordOf, type Suggestion, suggestionIn, type SuggestionRecord } from "../document/suggestion.js";
import type { ObjectAttributes } from "../document/types.js";
import { readFile, remove } from "./opfs.js";
import { type Spare, writeFile } from "./room.js";

/** Bytes that are read as one at most. */
const MOST_TOGETHER = 1 << 24;

export interface StoredObjects {
  objects: Map<number, ObjectAttributes>;
  runs: Uint32Array;
  /** Suggestions that the person threw away. */
  rejected: Suggestion[];
}

/** What is known of each object, with what was thrown away if anything was. */
type Text = [number, ObjectAttributes][] | { objects: [number, ObjectAttributes][]; rejected: SuggestionRecord[] };

const namesOf = (id: string) => [`${id}.objects.next`, `${id}.objects`];

/**
 * An image's objects as a file: the length of a JSON text, the text, see `Text`, padded to four
 * bytes, and the runs of the label map. All numbers are little-endian 32-bit integers.
 */
function objectsFile({ objects, runs, rejected }: PackedObjects) {
  const known: Text = rejected.length > 0 ? { objects: [...objects], rejected: rejected.map(recordOf) } : [...objects];
  const text = new TextEncoder().encode(JSON.stringify(known));
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  padded.set(text);
  return new Blob([Uint32Array.of(padded.length), padded, runs as Uint32Array<ArrayBuffer>]);
}

/** @param bytes of `objectsFile` @param pixels of the image @throws if it is not whole */
function objectsIn(bytes: ArrayBuffer, pixels: number): StoredObjects {
  const [length] = new Uint32Array(bytes, 0, 1);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  const runs = new Uint32Array(bytes, 4 + length);
  let covered = 0;
  for (let i = 0; i < runs.length; i += 2) covered += runs[i];
  if (runs.length % 2 !== 0 || covered !== pixels) throw new Error("the runs do not fill the image");
  const known: Text = JSON.parse(text);
  const { objects, rejected } = Array.isArray(known) ? { objects: known, rejected: [] } : known;
  return { objects: new Map(objects), runs, rejected: rejected.map((record) => suggestionIn(record)).filter((one) => one !== undefined) };
}

/** @returns undefined if there are none @throws if they cannot be read */
export async function readObjects(project: FileSystemDirectoryHandle, id: string, pixels: number): Promise<StoredObjects | undefined> {
  let failure: unknown;
  for (const name of namesOf(id)) {
    try {
      return objectsIn(await (await readFile(project, name)).arrayBuffer(), pixels);
    } catch (error) {
      if (!(error instanceof Error && error.name === "NotFoundError")) failure = error;
    }
  }
  if (failure) throw failure;
  return undefined;
}

/**
 * The objects of several images by the images' ids, read as one.
 * @param files of the folder, by their names
 * @returns without those which `readObjects` has to look at: of which more than one file is there, or none that is whole
 */
export async function readObjectsTogether(
  files: ReadonlyMap<string, FileSystemFileHandle>,
  images: readonly { id: string; width: number; height: number }[],
): Promise<Map<string, StoredObjects>> {
  const found = new Map<string, StoredObjects>();
  try {
    const opened = images.filter(({ width }) => width > 0).map(async (image) => ({ image, file: await onlyFile(files, image.id) }));
    const whole = (await Promise.all(opened)).filter(({ file }) => file !== undefined);
    const bytes = await contentsOf(whole.map(({ file }) => file as File));
    for (const [i, { image }] of whole.entries()) {
      const objects = objectsOrNone(bytes[i], image.width * image.height);
      if (objects) found.set(image.id, objects);
    }
  } catch {
    // Which of them cannot be read is seen one by one.
  }
  return found;
}

async function onlyFile(files: ReadonlyMap<string, FileSystemFileHandle>, id: string) {
  const [next, name] = namesOf(id);
  return files.has(next) ? undefined : files.get(name)?.getFile();
}

/** @returns none of too much for one piece of memory */
async function contentsOf(files: readonly File[]): Promise<ArrayBuffer[]> {
  if (files.reduce((sum, { size }) => sum + size, 0) > MOST_TOGETHER) return [];
  const bytes = await new Blob([...files]).arrayBuffer();
  let end = 0;
  // Each has its own memory, which may be handed on.
  return files.map(({ size }) => bytes.slice(end, (end += size)));
}

function objectsOrNone(bytes: ArrayBuffer | undefined, pixels: number) {
  try {
    return bytes && objectsIn(bytes, pixels);
  } catch {
    return undefined;
  }
}

/** @param pixels of the image @param spare what may be removed for it */
export async function writeObjects(project: FileSystemDirectoryHandle, id: string, packed: PackedObjects, pixels: number, spare?: Spare) {
  const content = objectsFile(packed);
  const [next, name] = namesOf(id);
  // After a stop the one beside may be the only whole one.
  if (!(await isWhole(project, next, pixels))) await writeFile(project, next, content, spare);
  await writeFile(project, name, content, spare);
  await remove(project, next);
}

async function isWhole(project: FileSystemDirectoryHandle, name: string, pixels: number) {
  try {
    return objectsIn(await (await readFile(project, name)).arrayBuffer(), pixels).runs.length > 0;
  } catch {
    return false;
  }
}

export function objectFilesOf(id: string) {
  return namesOf(id);
}
