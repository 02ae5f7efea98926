// An origin's private file system in memory, as far as the stores use it.

class MemoryFile {
  bytes = new Uint8Array(0);
  modified = 0;
  #name;

  constructor(name: string) {
    this.#name = name;
  }

  async getFile() {
    return new File([this.bytes], this.#name, { lastModified: this.modified });
  }

  async createWritable() {
    const parts: Blob[] = [];
    return {
      write: async (content: Blob) => void parts.push(content),
      abort: async () => {},
      close: async () => this.#replace(new Uint8Array(await new Blob(parts).arrayBuffer())),
    };
  }

  async createSyncAccessHandle() {
    return {
      write: (bytes: Uint8Array, { at = 0 } = {}) => {
        const whole = new Uint8Array(Math.max(this.bytes.length, at + bytes.length));
        whole.set(this.bytes);
        whole.set(bytes, at);
        this.#replace(whole);
        return bytes.length;
      },
      flush: () => {},
      close: () => {},
    };
  }

  #replace(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.modified = Date.now();
  }
}

class MemoryFolder {
  readonly folders = new Map<string, MemoryFolder>();
  readonly files = new Map<string, MemoryFile>();

  async getDirectoryHandle(name: string) {
    const folder = this.folders.get(name) ?? new MemoryFolder();
    this.folders.set(name, folder);
    return folder;
  }

  async getFileHandle(name: string, { create = false } = {}) {
    const file = this.files.get(name) ?? (create ? new MemoryFile(name) : undefined);
    if (!file) throw new DOMException("no such file", "NotFoundError");
    this.files.set(name, file);
    return file;
  }

  async removeEntry(name: string) {
    if (!this.files.delete(name)) throw new DOMException("no such file", "NotFoundError");
  }

  async *keys() {
    yield* [...this.files.keys()];
  }
}

export class MemoryStorage {
  quota = 1e9;
  #root = new MemoryFolder();

  /** Makes it the page's storage. */
  static install() {
    const storage = new MemoryStorage();
    const locks = { request: async (_name: string, _options: unknown, held: () => unknown) => held() };
    Object.defineProperty(globalThis, "navigator", { value: { storage, locks }, configurable: true });
    return storage;
  }

  async getDirectory() {
    return this.#root;
  }

  async estimate() {
    return { usage: 0, quota: this.quota };
  }

  names(folder: string) {
    return [...(this.#root.folders.get(folder)?.files.keys() ?? [])].sort();
  }

  async put(folder: string, name: string, text: string) {
    const file = await (await this.#root.getDirectoryHandle(folder)).getFileHandle(name, { create: true });
    file.bytes = new TextEncoder().encode(text);
  }

  async text(folder: string, name: string) {
    const file = await (await this.#root.getDirectoryHandle(folder)).getFileHandle(name);
    return new TextDecoder().decode(file.bytes);
  }
}
