// An origin's private file system in memory, as far as the stores use it.

/** What a broken write leaves of a file: the first half, zeros, or nothing. */
export type Tear = "half" | "zeros" | "empty";

interface Stop {
  operation: number;
  tear: Tear | undefined;
  /** The name of the file, if it is a write, which can be torn. */
  written?: string;
}

function tornOf(bytes: Uint8Array, how: Tear) {
  if (how === "zeros") return new Uint8Array(bytes.length);
  return bytes.slice(0, how === "half" ? bytes.length / 2 : 0);
}

/** What the files of one storage share. */
class Disk {
  /** Bytes that it takes at most, whatever the quota says. */
  capacity = Infinity;
  /** Whether a write in place counts what there was no room for as written; Chromium's private windows do. */
  countsAll = false;
  /** What a stream's write without room fails with. */
  error = "QuotaExceededError";
  /** How often a file was looked into. */
  looks = 0;
  /** Whether a write in place changes a file's time; in Chromium's private windows it does not. */
  tellsWrites = true;
  /** The files in it; removed ones are none of it. */
  readonly files = new Set<MemoryFile>();
  /** Names of files that are there and cannot be read. */
  readonly broken = new Set<string>();
  /** What a stream cannot write, since it cannot be read. */
  readonly refused = new Set<Blob>();
  /** Operations that changed something so far. */
  operations = 0;
  /** Everything stops at the operation of this number; undefined: nothing does. */
  stop: Stop | undefined;
  stopped = false;
  #now = 0;

  /** Counts an operation. Where all stops, it never ends. @param tear leaves what a write may leave that is broken off */
  async begin(tear?: (how: Tear) => void, name?: string) {
    this.operations += 1;
    if (this.stop?.operation === this.operations) {
      this.stopped = true;
      if (tear && this.stop.tear) tear(this.stop.tear);
      this.stop.written = name;
    }
    if (this.stopped) await new Promise(() => {});
  }

  get used() {
    return [...this.files].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Milliseconds since 1970, later at each call. */
  now() {
    this.#now = Math.max(Date.now(), this.#now + 1);
    return this.#now;
  }
}

const locked = () => new DOMException("the file is open", "NoModificationAllowedError");

class MemoryFile {
  readonly kind = "file";
  bytes = new Uint8Array(0);
  modified = 0;
  /** By a sync access handle. */
  open = false;
  #name;
  #disk;

  constructor(name: string, disk: Disk) {
    this.#name = name;
    this.#disk = disk;
    disk.files.add(this);
  }

  async getFile() {
    this.#disk.looks += 1;
    if (this.#disk.broken.has(this.#name)) throw new DOMException("the disk is faulty", "NotReadableError");
    return new File([this.bytes], this.#name, { lastModified: this.modified });
  }

  async createWritable() {
    const parts: Blob[] = [];
    let bytes = 0;
    return {
      write: async (content: Blob) => {
        await this.#disk.begin();
        if (this.#disk.refused.has(content)) throw new DOMException("it was moved", "NotFoundError");
        bytes += content.size;
        // The old content stays until the new one takes its place.
        if (this.#disk.used + bytes > this.#disk.capacity) throw new DOMException("it does not fit", this.#disk.error);
        parts.push(content);
      },
      abort: async () => {},
      close: async () => {
        const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
        await this.#disk.begin((how) => this.#replace(tornOf(whole, how)), this.#name);
        this.#replace(whole);
      },
    };
  }

  async createSyncAccessHandle() {
    if (this.open) throw locked();
    this.open = true;
    return {
      getSize: () => this.bytes.length,
      read: (into: Uint8Array, { at = 0 } = {}) => {
        const read = this.bytes.subarray(at, at + into.length);
        into.set(read);
        return read.length;
      },
      write: (bytes: Uint8Array, { at = 0 } = {}) => this.#write(bytes, at),
      truncate: (size: number) => this.#replace(this.bytes.slice(0, size)),
      flush: () => {},
      close: () => void (this.open = false),
    };
  }

  /** @returns how many bytes it says it has written */
  #write(bytes: Uint8Array, at: number) {
    const room = this.#disk.capacity - this.#disk.used + this.bytes.length - at;
    const fitting = bytes.subarray(0, Math.max(0, room));
    const inPlace = at + fitting.length <= this.bytes.length;
    const modified = this.modified;
    const whole = new Uint8Array(Math.max(this.bytes.length, at + fitting.length));
    whole.set(this.bytes);
    whole.set(fitting, at);
    this.#replace(whole);
    if (inPlace && !this.#disk.tellsWrites) this.modified = modified;
    return this.#disk.countsAll ? bytes.length : fitting.length;
  }

  #replace(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.modified = this.#disk.now();
  }
}

class MemoryFolder {
  readonly folders = new Map<string, MemoryFolder>();
  readonly files = new Map<string, MemoryFile>();
  #disk;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async getDirectoryHandle(name: string) {
    const folder = this.folders.get(name) ?? new MemoryFolder(this.#disk);
    this.folders.set(name, folder);
    return folder;
  }

  async getFileHandle(name: string, { create = false } = {}) {
    if (create && !this.files.has(name)) await this.#disk.begin();
    const file = this.files.get(name) ?? (create ? new MemoryFile(name, this.#disk) : undefined);
    if (!file) throw new DOMException("no such file", "NotFoundError");
    this.files.set(name, file);
    return file;
  }

  async removeEntry(name: string) {
    const file = this.files.get(name);
    if (!file) throw new DOMException("no such file", "NotFoundError");
    if (file.open) throw locked();
    await this.#disk.begin();
    this.files.delete(name);
    this.#disk.files.delete(file);
  }

  async *keys() {
    yield* [...this.files.keys()];
  }

  async *entries() {
    yield* [...this.files];
  }
}

export class MemoryStorage {
  /** What the browser says that it grants. */
  quota = 1e9;
  readonly #disk = new Disk();
  #root = new MemoryFolder(this.#disk);
  /** The tab that has the lock. */
  #holder: MemoryTab | undefined;

  /** Makes it the page's storage. */
  static install() {
    const storage = new MemoryStorage();
    storage.openTab();
    return storage;
  }

  /** Opens another tab, which is the page from now on. */
  openTab() {
    const tab = new MemoryTab(this);
    tab.use();
    return tab;
  }

  /** The tab that may write. */
  get tab() {
    return this.#holder;
  }

  /** @throws at once where another tab has it, as if one had waited */
  lock(tab: MemoryTab) {
    if (this.#holder && this.#holder !== tab) throw new DOMException("another tab has it", "TimeoutError");
    this.#holder = tab;
  }

  release(tab: MemoryTab) {
    if (this.#holder === tab) this.#holder = undefined;
  }

  get operations() {
    return this.#disk.operations;
  }

  get stopped() {
    return this.#disk.stopped;
  }

  /** Everything stops at this operation, from now on. @param tear what it leaves, if it is a write */
  stopAt(operation: number, tear?: Tear) {
    this.#disk.stop = { operation: this.#disk.operations + operation, tear };
  }

  /** The file that was being written when all stopped; undefined: none was. */
  get stoppedWrite() {
    return this.#disk.stop?.written;
  }

  /** The browser is started again: all tabs are gone. */
  restart() {
    this.#disk.stopped = false;
    this.#disk.stop = undefined;
    this.#holder = undefined;
    return this.openTab();
  }

  /** A file of the person's can no longer be read. */
  refuse(content: Blob) {
    this.#disk.refused.add(content);
  }

  /** A file that is there can no longer be read, or can again. */
  breakFile(name: string, broken = true) {
    if (broken) this.#disk.broken.add(name);
    else this.#disk.broken.delete(name);
  }

  async getDirectory() {
    return this.#root;
  }

  async estimate() {
    return { usage: this.#disk.used, quota: this.quota };
  }

  /** Bytes that there is room for in truth. */
  set room(bytes: number) {
    this.#disk.capacity = this.#disk.used + bytes;
  }

  /** The name of the error with which a stream's write without room fails. */
  set error(name: string) {
    this.#disk.error = name;
  }

  /** Makes it that of a private window in Chromium, where writes in place do not tell what they do. */
  makePrivate() {
    this.#disk.tellsWrites = false;
    this.#disk.countsAll = true;
  }

  /** How often a file was looked into. */
  get looks() {
    return this.#disk.looks;
  }

  names(folder: string) {
    return [...(this.#root.folders.get(folder)?.files.keys() ?? [])].sort();
  }

  /** A file, created if need be. */
  async file(folder: string, name: string) {
    return (await this.#root.getDirectoryHandle(folder)).getFileHandle(name, { create: true });
  }

  async put(folder: string, name: string, text: string) {
    (await this.file(folder, name)).bytes = new TextEncoder().encode(text);
  }

  /** As another tab does it. */
  async remove(folder: string, name: string) {
    await (await this.#root.getDirectoryHandle(folder)).removeEntry(name);
  }

  async text(folder: string, name: string) {
    const file = await (await this.#root.getDirectoryHandle(folder)).getFileHandle(name);
    return new TextDecoder().decode(file.bytes);
  }
}

/** A tab of the browser. */
export class MemoryTab {
  #storage;

  constructor(storage: MemoryStorage) {
    this.#storage = storage;
  }

  /** What is done from now on is done in it. */
  use() {
    const request = async (_name: string, _options: unknown, held: () => unknown) => {
      this.#storage.lock(this);
      await held();
      this.#storage.release(this);
    };
    const value = { storage: this.#storage, locks: { request } };
    Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  }

  close() {
    this.#storage.release(this);
  }
}
