// Files in the origin's private file system. `room.ts` writes: for the page with `writeFile`, for the worker, which may
// block, with `writeBytes`.

/** Why the browser keeps no files for this page, and what helps. */
function absence() {
  // The private file system is for secure contexts.
  return globalThis.isSecureContext === false
    ? { why: "Over plain http this browser keeps no files for this page", remedy: "open the page over https or on localhost" }
    : { why: "This browser keeps no files for this page, as in a private window", remedy: "open the page in another window or browser" };
}

/** The browser keeps no files for this page. */
export class NoStorageError extends Error {
  readonly why;
  /** What the person can do to have things kept. */
  readonly remedy;

  constructor() {
    const { why, remedy } = absence();
    super(`${why}; ${remedy}.`);
    this.why = why;
    this.remedy = remedy;
  }
}

async function root(): Promise<FileSystemDirectoryHandle> {
  if (!navigator.storage?.getDirectory) throw new NoStorageError();
  try {
    return await navigator.storage.getDirectory();
  } catch {
    // Private windows may have it and refuse it.
    throw new NoStorageError();
  }
}

/** @returns why the browser keeps nothing, if it does not */
export async function storageAbsence(): Promise<NoStorageError | undefined> {
  try {
    await root();
  } catch (error) {
    if (error instanceof NoStorageError) return error;
  }
  return undefined;
}

/** Whether the page itself can write there, too; in WebKit only workers could for long. */
export function writesFromPage() {
  const { FileSystemFileHandle } = globalThis;
  return !FileSystemFileHandle || "createWritable" in FileSystemFileHandle.prototype;
}

/** A folder of the origin's, created if need be. @throws NoStorageError */
export async function folder(name: string): Promise<FileSystemDirectoryHandle> {
  return (await root()).getDirectoryHandle(name, { create: true });
}

/** What is used of the storage and what there may be, in bytes; unknown to some browsers. */
export async function storageEstimate() {
  const { usage = 0, quota = Infinity } = (await navigator.storage.estimate?.()) ?? {};
  return { usage, quota };
}

/** The names of a folder's files. */
export function list(folder: FileSystemDirectoryHandle): AsyncIterable<string> {
  return folder.keys();
}

/** A folder's files by their names: to ask for each by its name takes a way to the browser and back. */
export async function filesOf(folder: FileSystemDirectoryHandle): Promise<Map<string, FileSystemFileHandle>> {
  const files = new Map<string, FileSystemFileHandle>();
  for await (const [name, handle] of folder.entries()) if (handle.kind === "file") files.set(name, handle as FileSystemFileHandle);
  return files;
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
