// Files in the origin's private file system. The page writes with `writeFile`; the worker, which may block, with
// `writeBytes` and `openExclusively`.

/** Bytes that a write leaves free: a file system that is full to the brim fails without a word. */
const RESERVE = 1 << 20;

/** A folder of the origin's, created if need be. */
export async function folder(name: string): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
}

/** The names of a folder's files. */
export function list(folder: FileSystemDirectoryHandle): AsyncIterable<string> {
  return folder.keys();
}

export async function exists(folder: FileSystemDirectoryHandle, name: string) {
  try {
    await folder.getFileHandle(name);
    return true;
  } catch {
    return false;
  }
}

export async function readFile(folder: FileSystemDirectoryHandle, name: string): Promise<File> {
  return (await folder.getFileHandle(name)).getFile();
}

/** A missing file is none to remove. */
export async function remove(folder: FileSystemDirectoryHandle, name: string) {
  try {
    await folder.removeEntry(name);
  } catch (error) {
    if (!(error instanceof Error && error.name === "NotFoundError")) throw error;
  }
}

/** Replaces a file as a whole, or leaves the old one. */
export async function writeFile(folder: FileSystemDirectoryHandle, name: string, content: Blob) {
  await requireRoom(content.size);
  const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
  try {
    await stream.write(content);
  } catch (error) {
    await stream.abort();
    throw error;
  }
  // Only now does the new content take the old one's place.
  await stream.close();
}

/** @param durable waits until the bytes are on the disk */
export async function writeBytes(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array, durable = false) {
  const file = await openExclusively(folder, name);
  try {
    writeAt(file, bytes, 0);
    if (durable) file.flush();
  } finally {
    file.close();
  }
}

/** A file that nobody else can open until it is closed; created if need be. */
export async function openExclusively(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemSyncAccessHandle> {
  return (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
}

/** Writes all bytes; throws where there is no room for them. */
export function writeAt(file: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number) {
  if (file.write(bytes, { at }) < bytes.length) throw full();
}

/** Tried without room, a long write may take long to fail. */
export async function requireRoom(bytes: number) {
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate();
  if (usage + bytes + Math.min(RESERVE, quota / 16) > quota) throw full();
}

function full() {
  return new DOMException("no room", "QuotaExceededError");
}

/** Whether a write failed for want of room. */
export function isFull(error: unknown) {
  return error instanceof Error && error.name === "QuotaExceededError";
}
