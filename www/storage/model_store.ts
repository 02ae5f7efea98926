// Downloaded files of models under their keys. A file counts as whole only once its ".verified" marker exists, which holds
// its SHA-256; without it, it is a part to resume.

import type { StoredFile } from "../document/catalogue.js";
import type { StoredModel } from "../document/types.js";
import type { Sha256 } from "../engine/graysam.js";
import { MemoryPart, type Part } from "./memory_part.js";
import { exists, folder, list, openExclusively, readFile, remove, storageAbsence, writeAt } from "./opfs.js";
import { evicting } from "./room.js";

const FOLDER = "models";
/** Bytes that are read at once. */
const CHUNK = 4 << 20;

type Progress = (fraction: number) => void;

const markerOf = (key: string) => `${key}.verified`;

/** Markers of earlier versions are empty: there the key is the digest. */
async function digestOf(models: FileSystemDirectoryHandle, key: string) {
  if (!(await exists(models, markerOf(key)))) return undefined;
  return (await (await readFile(models, markerOf(key))).text()) || key;
}

/** The models here, whole or in part. */
export async function listModels(): Promise<StoredModel[]> {
  if (await storageAbsence()) return [];
  const models = await folder(FOLDER);
  const found: StoredModel[] = [];
  for await (const name of list(models)) {
    if (name.endsWith(".verified")) continue;
    const { size } = await readFile(models, name);
    found.push({ key: name, bytes: size, sha256: await digestOf(models, name) });
  }
  return found;
}

/** A whole model. */
export async function storedModel(key: string): Promise<File> {
  const models = await folder(FOLDER);
  if (!(await exists(models, markerOf(key)))) {
    throw new Error("This model is not downloaded any more; download it again.");
  }
  return readFile(models, key);
}

export async function removeModel(key: string) {
  const models = await folder(FOLDER);
  for (const name of [markerOf(key), key]) await remove(models, name);
}

/**
 * Downloads a file of a model, resuming from the part that is already here, and checks its SHA-256 if that is known.
 * @param Hash the engine's class
 * @param signal stops the download; the part stays
 * @returns false when it was stopped, and the file itself where the browser keeps no files
 */
export async function downloadModel(
  entry: StoredFile,
  Hash: typeof Sha256,
  progress: Progress,
  signal: AbortSignal,
): Promise<Blob | boolean> {
  const models = (await storageAbsence()) ? undefined : await folder(FOLDER);
  const part = models ? await openPart(models, entry) : new MemoryPart();
  const hash = new Hash();
  try {
    await fetchRest(entry, part, hash, progress, signal);
    part.flush();
    const digest = hash.hex();
    if (entry.sha256 !== null && digest !== entry.sha256) {
      part.close();
      await models?.removeEntry(entry.key);
      throw new Error(
        `The download of ${entry.name} is damaged: its checksum is not the published one. The file was deleted; download it again.`,
      );
    }
    if (part instanceof MemoryPart) return part.whole;
    part.close();
    if (models) await writeMarker(models, entry, digest);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    hash.free();
    part.close();
  }
}

async function writeMarker(models: FileSystemDirectoryHandle, entry: StoredFile, digest: string) {
  const marker = await openExclusively(models, markerOf(entry.key));
  try {
    writeAt(marker, new TextEncoder().encode(digest), 0);
    marker.flush();
  } finally {
    marker.close();
  }
}

async function openPart(models: FileSystemDirectoryHandle, entry: StoredFile) {
  try {
    return await openExclusively(models, entry.key);
  } catch {
    throw new Error(`${entry.name} is in use, perhaps by a download in another tab; close that tab and try again.`);
  }
}

/** Appends what is missing to the part and hashes all of it. */
async function fetchRest(entry: StoredFile, part: Part, hash: Sha256, progress: Progress, signal: AbortSignal) {
  if (part.getSize() === entry.bytes) return hashPart(part, hash);
  const response = await request(entry, part.getSize(), signal);
  // "Range not satisfiable": nothing is missing, or the part is of another file; the checksum decides.
  if (response.status === 416) return hashPart(part, hash);
  // A server without ranges sends all of it again.
  if (response.status !== 206) part.truncate(0);
  const start = part.getSize();
  hashPart(part, hash);
  const total = entry.bytes ?? start + Number(response.headers.get("Content-Length") ?? NaN);
  const received = await append(entry, response, part, hash, total, progress);
  if (received < total) throw interrupted(entry, part, total);
}

/** Asks each address in turn for the bytes from `start` on. */
async function request(entry: StoredFile, start: number, signal: AbortSignal) {
  const headers = start > 0 ? { Range: `bytes=${start}-` } : undefined;
  let reason = "";
  for (const address of entry.addresses) {
    const url = new URL(address);
    try {
      const response = await fetch(url, { headers, signal, credentials: "omit", referrerPolicy: "no-referrer" });
      if (response.ok || (response.status === 416 && start > 0)) return response;
      reason = `${url.host} answered with status ${response.status}`;
    } catch (error) {
      if (signal.aborted) throw error;
      reason = `${url.host} cannot be reached or does not let other pages read the file`;
    }
  }
  throw new Error(
    `${entry.name} could not be downloaded: ${reason}. Download the file in a new tab with the link that follows, then open it with “Open model file…”.`,
  );
}

/**
 * @param total NaN while unknown
 * @returns the size of the part
 */
async function append(entry: StoredFile, response: Response, part: Part, hash: Sha256, total: number, progress: Progress) {
  let position = part.getSize();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw error.name === "AbortError" ? error : interrupted(entry, part, total);
      });
      if (done) return position;
      if (position + value.length > total) {
        part.truncate(0);
        throw new Error(`The server sent more than the size of ${entry.name}, so it is another file; it was deleted.`);
      }
      await write(entry, part, value, position);
      hash.update(value);
      position += value.length;
      if (total > 0) progress(position / total);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function write(entry: StoredFile, part: Part, bytes: Uint8Array, at: number) {
  try {
    await evicting(bytes.length, async () => writeAt(part, bytes, at));
  } catch {
    part.truncate(at);
    throw new Error(`There is no room left to keep ${entry.name}; free some disk space and press Resume.`);
  }
}

function interrupted(entry: StoredFile, part: Part, total: number) {
  const received = part.getSize();
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  const of = total > 0 ? `${megabytes(received)} of ${megabytes(total)} MB` : `${megabytes(received)} MB`;
  const next = part instanceof MemoryPart ? "press Download to begin it again" : "press Resume to go on from there";
  return new Error(`The download of ${entry.name} broke off at ${of}; ${next}.`);
}

function hashPart(part: Part, hash: Sha256) {
  const buffer = new Uint8Array(CHUNK);
  const size = part.getSize();
  for (let at = 0; at < size;) {
    const read = part.read(buffer, { at });
    if (read === 0) throw new Error("The stored part of the model cannot be read; delete it and download it again.");
    hash.update(buffer.subarray(0, read));
    at += read;
  }
}
