// The checkpoint of a training, kept in the origin's private file system. A new one goes beside the one before,
// which is removed only when the new one is whole, so one of them always is.

const FOLDER = "training";
const SLOTS = ["a", "b"];

/** @typedef {StoredTraining & {bytes: number}} Kept */

async function folder() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

/** @param {FileSystemDirectoryHandle} training @param {string} name */
async function read(training, name) {
  return (await training.getFileHandle(name)).getFile();
}

/** What a slot holds, if its checkpoint is whole. @param {FileSystemDirectoryHandle} training @param {string} slot */
async function slotOf(training, slot) {
  try {
    const kept = /** @type {Kept} */ (JSON.parse(await (await read(training, `${slot}.json`)).text()));
    const file = await read(training, `${slot}.safetensors`);
    return file.size === kept.bytes ? { slot, kept, file } : undefined;
  } catch {
    return undefined;
  }
}

async function newest() {
  const training = await folder();
  const slots = await Promise.all(SLOTS.map((slot) => slotOf(training, slot)));
  return slots.filter((found) => found !== undefined).sort((a, b) => b.kept.when - a.kept.when)[0];
}

/** What is known of the stored checkpoint, if there is one. @returns {Promise<StoredTraining | undefined>} */
export async function storedTraining() {
  try {
    return (await newest())?.kept;
  } catch {
    // Without storage nothing is stored; the first checkpoint says why.
    return undefined;
  }
}

/** @returns {Promise<Blob>} */
export async function readCheckpoint() {
  const found = await newest();
  if (!found) throw new Error("The training's checkpoint is not in the browser's storage any more; press Train to begin anew.");
  return found.file;
}

/** @param {StoredTraining} about @param {Uint8Array<ArrayBuffer>} checkpoint */
export async function storeCheckpoint(about, checkpoint) {
  /** @type {string | undefined} */
  let slot;
  try {
    const before = await newest();
    const training = await folder();
    const free = SLOTS.find((slot) => slot !== before?.slot) ?? SLOTS[0];
    slot = free;
    await removeSlot(free);
    await requireRoom(checkpoint.length);
    await write(training, `${free}.safetensors`, checkpoint);
    const kept = { ...about, bytes: checkpoint.length };
    await write(training, `${free}.json`, new TextEncoder().encode(JSON.stringify(kept)));
    if (before) await removeSlot(before.slot);
  } catch (error) {
    if (slot) await removeSlot(slot).catch(() => {});
    throw new Error(reasonOf(error, checkpoint.length));
  }
}

export async function removeCheckpoint() {
  for (const slot of SLOTS) await removeSlot(slot);
}

/** @param {string} slot */
async function removeSlot(slot) {
  const training = await folder();
  // The description first: without it a checkpoint counts as none.
  for (const name of [`${slot}.json`, `${slot}.safetensors`]) {
    await training.removeEntry(name).catch((error) => {
      if (error.name !== "NotFoundError") throw error;
    });
  }
}

/** Tried without room, a long write may take long to fail. @param {number} bytes */
async function requireRoom(bytes) {
  const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
  if (quota - usage < bytes) throw new DOMException("no room", "QuotaExceededError");
}

/** @param {FileSystemDirectoryHandle} training @param {string} name @param {Uint8Array} bytes */
async function write(training, name, bytes) {
  const handle = await (await training.getFileHandle(name, { create: true })).createSyncAccessHandle();
  try {
    if (handle.write(bytes) < bytes.length) throw new DOMException("short write", "QuotaExceededError");
    handle.flush();
  } finally {
    handle.close();
  }
}

/** @param {unknown} error @param {number} bytes */
function reasonOf(error, bytes) {
  const name = error instanceof Error ? error.name : "";
  if (name === "QuotaExceededError") {
    return `The browser's storage has no room for the training's checkpoint of ${Math.round(bytes / 1e6)} MB; the training goes on, but free some disk space to be able to resume it after the page is closed.`;
  }
  if (name === "NoModificationAllowedError") {
    return "The training's checkpoint is in use by another tab with this page; the training goes on, but close that tab to be able to resume it after the page is closed.";
  }
  return "This browser keeps no files for this page, so the training cannot be resumed after the page is closed; it goes on until then.";
}
