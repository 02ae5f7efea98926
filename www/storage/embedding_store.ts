// Embeddings of images, and of parts of them, that were encoded before, under a key of the image encoder and its input.
// A failure here costs an encode, never a result.
//
// A file holds the values and their SHA-256. A crash while it is written may leave any part of it, even in the right
// length; the digest is then another, and the file counts as none. A use is kept as the file's time: the digest is
// written again in its place, and as its bytes stay the same, a crash in between changes nothing.

import { folder, list, openExclusively, readFile, remove, storageEstimate, writeAt } from "./opfs.js";
import { describe, EMBEDDINGS, type StoredFile, totalBytes, withRoom } from "./room.js";

/** Bytes of all embeddings together: 127 of SAM's, which take 4 MiB each. */
const MOST_BYTES = 512 << 20;
/** The share of what the browser grants that they take at most. */
const MOST_OF_QUOTA = 1 / 10;
const DIGEST_BYTES = 32;
/** After so many stores the folder is listed anew, since other tabs write to it as well. */
const LISTED_EVERY = 16;

/** An embedding's file, and its last use as this worker knows it: a private window's files may not tell that they are read. */
type KnownFile = StoredFile & { lastUse: number };

/** @param quota in bytes @returns the bytes that embeddings take at most */
export function budgetOf(quota: number) {
  return Math.min(MOST_BYTES, quota * MOST_OF_QUOTA);
}

async function digestOf(values: Uint8Array<ArrayBuffer>) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", values));
}

/** Reads a file and makes this its last use. */
async function use(embeddings: FileSystemDirectoryHandle, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await embeddings.getFileHandle(key);
  const file = await handle.createSyncAccessHandle().catch(() => undefined);
  // Another tab is at it.
  if (!file) return new Uint8Array(await (await handle.getFile()).arrayBuffer());
  try {
    const bytes = new Uint8Array(file.getSize());
    file.read(bytes, { at: 0 });
    touch(file, bytes);
    return bytes;
  } finally {
    file.close();
  }
}

/** @param bytes what the file holds */
function touch(file: FileSystemSyncAccessHandle, bytes: Uint8Array) {
  const at = Math.max(0, bytes.length - DIGEST_BYTES);
  try {
    file.write(bytes.subarray(at), { at });
  } catch {
    // On a full disk the use is not kept.
  }
}

/** The values in a file's bytes, if it is whole. */
async function valuesIn(bytes: Uint8Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer> | undefined> {
  const length = bytes.length - DIGEST_BYTES;
  if (length <= 0 || length % 4 !== 0) return undefined;
  const digest = await digestOf(bytes.subarray(0, length));
  return digest.every((byte, i) => byte === bytes[length + i]) ? new Float32Array(bytes.buffer, 0, length / 4) : undefined;
}

/** Writes a file, or leaves none. @param pieces what it consists of */
async function write(embeddings: FileSystemDirectoryHandle, key: string, pieces: Uint8Array[]) {
  const file = await openExclusively(embeddings, key);
  let at = 0;
  try {
    for (const piece of pieces) {
      writeAt(file, piece, at);
      at += piece.length;
    }
    file.truncate(at);
  } catch (error) {
    file.close();
    await remove(embeddings, key);
    throw error;
  }
  file.close();
}

/** Keeps embeddings within their budget; the least recently used go first. For a worker, as it blocks. */
export class EmbeddingStore {
  /** What is known of the folder. Another tab, or a write without room, may have changed it since. */
  #files = new Map<string, KnownFile>();
  #stores = 0;
  #storing = Promise.resolve();

  /** @returns undefined if there is none, or none that is whole */
  async read(key: string): Promise<Float32Array<ArrayBuffer> | undefined> {
    try {
      const embeddings = await folder(EMBEDDINGS);
      const values = await valuesIn(await use(embeddings, key));
      if (!values) await remove(embeddings, key);
      await this.#look(embeddings, key, Date.now());
      return values;
    } catch {
      return undefined;
    }
  }

  /** Does nothing where there is no room but that of other things. */
  store(key: string, values: Float32Array<ArrayBuffer>): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#storing = this.#storing
      .then(() => this.#store(key, bytes))
      .catch(() => {
        // Storage is full or not allowed.
      });
    return this.#storing;
  }

  async #store(key: string, values: Uint8Array<ArrayBuffer>) {
    const embeddings = await folder(EMBEDDINGS);
    if (this.#stores++ % LISTED_EVERY === 0) await this.#list(embeddings);
    const pieces = [values, await digestOf(values)];
    const bytes = values.length + DIGEST_BYTES;
    const { quota } = await storageEstimate();
    const left = budgetOf(quota) - bytes;
    await this.#keepOthers(embeddings, key, Math.max(0, left));
    if (left < 0) return;
    try {
      await withRoom(bytes, () => write(embeddings, key, pieces));
    } finally {
      await this.#look(embeddings, key, Date.now());
    }
  }

  /** Looks only into files that are not known yet. */
  async #list(embeddings: FileSystemDirectoryHandle) {
    const gone = new Set(this.#files.keys());
    for await (const name of list(embeddings)) {
      if (!gone.delete(name)) await this.#look(embeddings, name);
    }
    for (const name of gone) this.#files.delete(name);
  }

  /** @param use in milliseconds since 1970 */
  async #look(embeddings: FileSystemDirectoryHandle, name: string, use = 0) {
    const file = await describe(embeddings, name);
    if (file) this.#files.set(name, { ...file, lastUse: Math.max(use, file.used) });
    else this.#files.delete(name);
  }

  /** Removes the least recently used until all but that of `key` take at most `bytes`. */
  async #keepOthers(embeddings: FileSystemDirectoryHandle, key: string, bytes: number) {
    for (;;) {
      const others = [...this.#files.values()].filter(({ name }) => name !== key);
      if (totalBytes(others) <= bytes) return;
      const oldest = others.reduce((a, b) => (b.lastUse < a.lastUse ? b : a));
      this.#files.delete(oldest.name);
      if ((await describe(embeddings, oldest.name))?.used === oldest.used) {
        // One that another tab is at stays, and counts again when the folder is listed.
        await remove(embeddings, oldest.name).catch(() => {});
      } else {
        // Another tab removed it, or used it since, and may have stored some as well.
        await this.#list(embeddings);
      }
    }
  }
}

const embeddings = new EmbeddingStore();

export function storedEmbedding(key: string): Promise<Float32Array<ArrayBuffer> | undefined> {
  return embeddings.read(key);
}

export function storeEmbedding(key: string, values: Float32Array<ArrayBuffer>): Promise<void> {
  return embeddings.store(key, values);
}
