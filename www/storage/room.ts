// Room in the browser's storage. What the person made, and what they downloaded, goes before embeddings, which cost an
// encode each: a write that has no room has embeddings removed, the least recently used first, before it is refused.
// What its caller can spare goes after them.

import { folder, full, isFull, list, openExclusively, readFile, remove, storageEstimate, writeAt } from "./opfs.js";

/** The folder of embeddings, which page and worker remove from, and only the worker writes to. */
export const EMBEDDINGS = "embeddings";
/** Bytes that a write leaves free: a file system that is full to the brim fails without a word. */
const RESERVE = 1 << 20;
/** A failed write does not say how much was lacking: this share of it is freed each time, and one embedding at least. */
const FREED_AT_ONCE = 1 / 4;

/** A file as far as it matters for room. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** When it was written last, in milliseconds since 1970. An embedding is written when it is used. */
  readonly used: number;
}

/** What a write may have removed when removing embeddings is not enough. */
export interface Spare {
  /** Bytes of all of it. */
  bytes(): Promise<number>;
  /** Removes some of it, `bytes` if there are so many. @returns whether anything was removed */
  free(bytes: number): Promise<boolean>;
}

/** @param names of the files that may be removed, those that are missed least first */
export function spareFiles(folder: FileSystemDirectoryHandle, names: () => string[], remove: (name: string) => Promise<void>): Spare {
  return {
    bytes: async () => {
      const files = await Promise.all(names().map((name) => describe(folder, name)));
      return totalBytes(files.filter((file) => file !== undefined));
    },
    free: async (bytes) => {
      let freed = 0;
      for (const name of names()) {
        if (freed > 0 && freed >= bytes) break;
        freed += (await describe(folder, name))?.bytes ?? 0;
        await remove(name);
      }
      return freed > 0;
    },
  };
}

/** All of one goes before any of the next. */
export function inTurn(first: Spare, next: Spare): Spare {
  return {
    bytes: async () => (await first.bytes()) + (await next.bytes()),
    free: async (bytes) => {
      const there = await first.bytes();
      const freed = await first.free(bytes);
      if (freed && there >= bytes) return true;
      return (await next.free(bytes - there)) || freed;
    },
  };
}

/** @returns undefined if there is none, perhaps since another tab removed it */
export async function describe(folder: FileSystemDirectoryHandle, name: string): Promise<StoredFile | undefined> {
  try {
    const { size, lastModified } = await readFile(folder, name);
    return { name, bytes: size, used: lastModified };
  } catch {
    return undefined;
  }
}

export function totalBytes(files: Iterable<StoredFile>) {
  let bytes = 0;
  for (const file of files) bytes += file.bytes;
  return bytes;
}

/** Replaces a file as a whole, or leaves the old one. @param spare see `withRoom` */
export async function writeFile(folder: FileSystemDirectoryHandle, name: string, content: Blob, spare?: Spare) {
  const write = async () => {
    const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
    try {
      await stream.write(content);
    } catch (error) {
      await stream.abort();
      throw await reasonOf(error, content);
    }
    // Only now does the new content take the old one's place.
    await stream.close();
  };
  await withRoom(content.size, write, spare);
}

/** Chromium may say of a long write that runs out of room that what was to be written cannot be read. */
async function reasonOf(error: unknown, content: Blob) {
  if (!(error instanceof Error && error.name === "NotReadableError")) return error;
  const readable = await content
    .slice(0, 1)
    .arrayBuffer()
    .then(Boolean, () => false);
  return readable ? full() : error;
}

/** @param durable waits until the bytes are on the disk */
export async function writeBytes(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array, durable = false) {
  await withRoom(bytes.length, async () => {
    const file = await openExclusively(folder, name);
    try {
      writeAt(file, bytes, 0);
      if (durable) file.flush();
    } finally {
      file.close();
    }
  });
}

/**
 * Makes room for a write and does it. Nothing is removed if removing all that may be would not be enough.
 * @param bytes that it takes
 * @param write may be called again after it failed for want of room, and then begins anew
 * @param spare what may be removed after all embeddings
 * @throws an error that `isFull` knows, where there is no room
 */
export async function withRoom<T>(bytes: number, write: () => Promise<T>, spare?: Spare): Promise<T> {
  const lacking = await shortage(bytes);
  if (lacking > 0) {
    const embeddings = await embeddingsByUse();
    const beyond = lacking - totalBytes(embeddings);
    if (beyond > 0 && ((await spare?.bytes()) ?? 0) < beyond) throw full();
    await removeFirst(embeddings, lacking);
    if (beyond > 0) await spare?.free(beyond);
  }
  return evicting(bytes, write, spare);
}

/** Does a write, again and again for as long as it has no room and something can be removed; otherwise as `withRoom`. */
export async function evicting<T>(bytes: number, write: () => Promise<T>, spare?: Spare): Promise<T> {
  let embeddings: StoredFile[] | undefined;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isFull(error)) throw error;
      embeddings ??= await embeddingsByUse();
      const freed = bytes * FREED_AT_ONCE;
      if (!(await removeFirst(embeddings, freed)) && !(await spare?.free(freed))) throw error;
    }
  }
}

/** How many bytes are lacking for a write, by the browser's word. Tried without room, a long write may take long to fail. */
async function shortage(bytes: number) {
  const { usage, quota } = await storageEstimate();
  return usage + bytes + Math.min(RESERVE, quota / 16) - quota;
}

/** The least recently used first. */
async function embeddingsByUse(): Promise<StoredFile[]> {
  const embeddings = await folder(EMBEDDINGS);
  const looks: Promise<StoredFile | undefined>[] = [];
  for await (const name of list(embeddings)) looks.push(describe(embeddings, name));
  const files = (await Promise.all(looks)).filter((file) => file !== undefined);
  return files.sort((a, b) => a.used - b.used);
}

/**
 * Removes embeddings in this order until those removed took `bytes`, and at least one.
 * @param files loses those that were tried
 * @returns whether any was removed
 */
async function removeFirst(files: StoredFile[], bytes: number) {
  const embeddings = await folder(EMBEDDINGS);
  const removed: StoredFile[] = [];
  while (removed.length === 0 || totalBytes(removed) < bytes) {
    const file = files.shift();
    if (!file) break;
    try {
      await remove(embeddings, file.name);
      removed.push(file);
    } catch {
      // A worker is at it; the next one goes instead.
    }
  }
  return removed.length > 0;
}
