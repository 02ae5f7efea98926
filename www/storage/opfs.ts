// Files in the origin's private file system. `room.ts` writes: for the page with `writeFile`, for the worker, which may
// block, with `writeBytes`.

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

/** A file that nobody else can open until it is closed; created if need be. */
export async function openExclusively(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemSyncAccessHandle> {
  return (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
}

/** Writes all bytes; throws where there is no room for them. */
export function writeAt(file: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number) {
  // In a private window, Chromium may count bytes that it had no room for as written.
  if (file.write(bytes, { at }) < bytes.length || file.getSize() < at + bytes.length) throw full();
}

/** What a browser throws that has no room for a write. */
export function full() {
  return new DOMException("no room", "QuotaExceededError");
}

/** Whether a write failed for want of room. */
export function isFull(error: unknown) {
  return error instanceof Error && error.name === "QuotaExceededError";
}
