// A download where the browser keeps no files: it lasts as long as the page.

/** What a download is written to. */
export type Part = Pick<FileSystemSyncAccessHandle, "getSize" | "read" | "write" | "truncate" | "flush" | "close">;

/** Bytes that are gathered before they become a piece: the browser may keep pieces on the disk. */
const PIECE = 16 << 20;

/** Takes bytes at its end only, and gives back nothing but the whole. */
export class MemoryPart implements Part {
  #pieces: Blob[] = [];
  #gathered: Uint8Array<ArrayBuffer>[] = [];
  #gatheredBytes = 0;
  #size = 0;

  get whole() {
    this.#gather();
    return new Blob(this.#pieces);
  }

  getSize() {
    return this.#size;
  }

  write(bytes: Uint8Array<ArrayBuffer>) {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    this.#size += bytes.length;
    if (this.#gatheredBytes >= PIECE) this.#gather();
    return bytes.length;
  }

  truncate(size: number) {
    if (size === this.#size) return;
    this.#pieces = [];
    this.#gathered = [];
    this.#gatheredBytes = this.#size = 0;
  }

  read() {
    return 0;
  }

  flush() {}

  close() {}

  #gather() {
    this.#pieces.push(new Blob(this.#gathered));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }
}
