// Downloaded models, kept in the origin's private file system under their SHA-256.
// A file counts as whole only once its ".verified" marker exists; without it, it is a part to resume.

/** @typedef {typeof import("./engine/graysam.js").Sha256} Sha256 */

const FOLDER = "models";
const CHUNK = 4 << 20;

/** The folder of the models. @returns {Promise<FileSystemDirectoryHandle>} */
async function folder() {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create: true });
  } catch {
    throw new Error(
      "This browser keeps no files for this page (a private window, or a page not served over HTTPS); download the model yourself and open it with “Open model file…”.",
    );
  }
}

/** @param {FileSystemDirectoryHandle} models @param {string} name */
async function exists(models, name) {
  try {
    await models.getFileHandle(name);
    return true;
  } catch {
    return false;
  }
}

/** The models here, whole or in part. @returns {Promise<StoredModel[]>} */
export async function listModels() {
  const models = await folder();
  const found = [];
  // The DOM library lists no iteration of directory handles.
  const names = /** @type {{keys(): AsyncIterable<string>}} */ (/** @type {unknown} */ (models)).keys();
  for await (const name of names) {
    if (name.endsWith(".verified")) continue;
    const file = await (await models.getFileHandle(name)).getFile();
    found.push({ sha256: name, bytes: file.size, verified: await exists(models, `${name}.verified`) });
  }
  return found;
}

/** A whole model. @param {string} sha256 @returns {Promise<File>} */
export async function storedModel(sha256) {
  const models = await folder();
  if (!(await exists(models, `${sha256}.verified`))) {
    throw new Error("This model is not downloaded any more; download it again.");
  }
  return (await models.getFileHandle(sha256)).getFile();
}

/** @param {string} sha256 */
export async function removeModel(sha256) {
  const models = await folder();
  for (const name of [`${sha256}.verified`, sha256]) {
    if (await exists(models, name)) await models.removeEntry(name);
  }
}

/**
 * Downloads a model, going on from the part that is already here, and checks its SHA-256.
 * @param {CatalogueEntry} entry
 * @param {Sha256} Sha256
 * @param {(fraction: number) => void} progress
 * @param {AbortSignal} signal stops the download; the part stays
 * @returns {Promise<boolean>} false when it was stopped
 */
export async function downloadModel(entry, Sha256, progress, signal) {
  const models = await folder();
  const part = await openPart(models, entry);
  const hash = new Sha256();
  try {
    await fetchRest(entry, part, hash, progress, signal);
    part.flush();
    if (hash.hex() !== entry.sha256) {
      part.close();
      await models.removeEntry(entry.sha256);
      throw new Error(
        `The download of ${entry.name} is damaged: its checksum is not the published one. The file was deleted; download it again.`,
      );
    }
    part.close();
    await models.getFileHandle(`${entry.sha256}.verified`, { create: true });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    hash.free();
    part.close();
  }
}

/** @param {FileSystemDirectoryHandle} models @param {CatalogueEntry} entry */
async function openPart(models, entry) {
  const handle = await models.getFileHandle(entry.sha256, { create: true });
  try {
    return await handle.createSyncAccessHandle();
  } catch {
    throw new Error(`${entry.name} is in use, perhaps by a download in another tab; close that tab and try again.`);
  }
}

/**
 * Appends what is missing to the part and hashes all of it.
 * @param {CatalogueEntry} entry
 * @param {FileSystemSyncAccessHandle} part
 * @param {InstanceType<Sha256>} hash
 * @param {(fraction: number) => void} progress
 * @param {AbortSignal} signal
 */
async function fetchRest(entry, part, hash, progress, signal) {
  if (part.getSize() === entry.bytes) return hashPart(part, hash);
  const response = await request(entry, part.getSize(), signal);
  // "Range not satisfiable": nothing is missing, or the part is not of this file; the checksum decides.
  if (response.status === 416) return hashPart(part, hash);
  // A server without ranges sends all of it again.
  if (response.status !== 206) part.truncate(0);
  const start = part.getSize();
  hashPart(part, hash);
  const total = entry.bytes ?? start + Number(response.headers.get("Content-Length") ?? NaN);
  const received = await append(entry, response, part, hash, total, progress);
  if (received < total) throw brokenOff(entry, received, total);
}

/** Asks each address in turn for the bytes after `start`. @param {CatalogueEntry} entry @param {number} start @param {AbortSignal} signal */
async function request(entry, start, signal) {
  const headers = start > 0 ? { Range: `bytes=${start}-` } : undefined;
  let reason = "";
  for (const address of entry.addresses) {
    const url = new URL(address, new URL("./catalogue.json", import.meta.url));
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
 * @param {CatalogueEntry} entry
 * @param {Response} response
 * @param {FileSystemSyncAccessHandle} part
 * @param {InstanceType<Sha256>} hash
 * @param {number} total NaN while unknown
 * @param {(fraction: number) => void} progress
 * @returns {Promise<number>} the size of the part
 */
async function append(entry, response, part, hash, total, progress) {
  let position = part.getSize();
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw error.name === "AbortError" ? error : brokenOff(entry, position, total);
      });
      if (done) return position;
      if (position + value.length > total) {
        part.truncate(0);
        throw new Error(`The server sent more than the size of ${entry.name}, so it is another file; it was deleted.`);
      }
      write(entry, part, value, position);
      hash.update(value);
      position += value.length;
      if (total > 0) progress(position / total);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** @param {CatalogueEntry} entry @param {FileSystemSyncAccessHandle} part @param {Uint8Array} bytes @param {number} at */
function write(entry, part, bytes, at) {
  let written = 0;
  try {
    written = part.write(bytes, { at });
  } catch {
    // Below: the same as a short write.
  }
  if (written < bytes.length) {
    part.truncate(at);
    throw new Error(`There is no room left to keep ${entry.name}; free some disk space and press Resume.`);
  }
}

/** @param {CatalogueEntry} entry @param {number} received @param {number} total */
function brokenOff(entry, received, total) {
  const megabytes = (/** @type {number} */ bytes) => Math.round(bytes / 1e6);
  const of = total > 0 ? `${megabytes(received)} of ${megabytes(total)} MB` : `${megabytes(received)} MB`;
  return new Error(`The download of ${entry.name} broke off at ${of}; press Resume to go on from there.`);
}

/** @param {FileSystemSyncAccessHandle} part @param {InstanceType<Sha256>} hash */
function hashPart(part, hash) {
  const buffer = new Uint8Array(CHUNK);
  const size = part.getSize();
  for (let at = 0; at < size; ) {
    const read = part.read(buffer, { at });
    if (read === 0) throw new Error("The stored part of the model cannot be read; delete it and download it again.");
    hash.update(buffer.subarray(0, read));
    at += read;
  }
}
