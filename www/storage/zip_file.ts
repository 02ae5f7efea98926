// Zip files that are never held in memory: written piece by piece, and read where they lie.

import { addressOf } from "../site.js";

type Zip = typeof import("../vendor/zip.js");
type FileEntry = import("../vendor/zip.js").FileEntry;

/** Bytes that are handled at once, between which the page answers. */
const PIECE = 1 << 18;
const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_BYTES = 30;

export interface ZipOptions {
  signal: AbortSignal;
  /** Told of each further number of bytes of the contents. */
  passed(bytes: number): void;
}

let loading: Promise<Zip> | undefined;

/** The library is fetched when it is first needed. Its workers would need another policy of scripts. */
function library(): Promise<Zip> {
  loading ??= import(addressOf("vendor/zip.js").href).then(
    (zip: Zip) => {
      zip.configure({ useWebWorkers: false, chunkSize: PIECE });
      return zip;
    },
    (error) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** Collects what is written as a file of pieces, which the browser may keep on the disk. */
export class BlobSink {
  #pieces: Blob[] = [];
  readonly stream = new WritableStream<Uint8Array<ArrayBuffer>>({ write: (piece) => void this.#pieces.push(new Blob([piece])) });

  get file() {
    return new Blob(this.#pieces, { type: "application/zip" });
  }
}

export class ZipWriting {
  #zip;
  #options;

  private constructor(zip: InstanceType<Zip["ZipWriter"]>, options: ZipOptions) {
    this.#zip = zip;
    this.#options = options;
  }

  static async begin(sink: WritableStream, options: ZipOptions) {
    const { ZipWriter } = await library();
    return new ZipWriting(new ZipWriter(sink, { signal: options.signal, keepOrder: true, extendedTimestamp: false }), options);
  }

  /** @param compressed false for what is compressed already: it is stored as it is */
  async add(path: string, content: Blob, compressed = true) {
    const { BlobReader } = await library();
    const { signal, passed } = this.#options;
    signal.throwIfAborted();
    let before = 0;
    const onprogress = async (at: number) => {
      passed(at - before);
      before = at;
    };
    await this.#zip.add(path, new BlobReader(content), { level: compressed ? 6 : 0, signal, onprogress });
    passed(content.size - before);
  }

  /** Writes the directory and closes the sink. */
  async finish() {
    this.#options.signal.throwIfAborted();
    await this.#zip.close();
  }
}

/** A zip file whose directory has been read. */
export class ZipReading {
  #file;
  #options;
  #entries;

  private constructor(file: Blob, entries: Map<string, FileEntry>, options: ZipOptions) {
    this.#file = file;
    this.#entries = entries;
    this.#options = options;
  }

  /** @throws what is wrong with the file, as a sentence */
  static async open(file: Blob, options: ZipOptions) {
    const { BlobReader, ZipReader } = await library();
    const start = await readable(file.slice(0, 4).arrayBuffer());
    if (start.byteLength < 4 || new DataView(start).getUint32(0, true) !== LOCAL_HEADER) {
      throw new Error("It is no zip file; choose one that “Save project” made.");
    }
    const reader = new ZipReader(new BlobReader(file), { strictness: "strict", filenameValidation: "tolerant", checkSignature: true });
    const entries = await reader.getEntries().catch(() => {
      throw new Error("Its end is missing or damaged: it was not copied or downloaded wholly, so copy it again.");
    });
    const files = entries.filter((entry): entry is FileEntry => !entry.directory);
    const named = new Map(files.map((entry) => [entry.filename, entry]));
    if (named.size < files.length) throw new Error("Two files in it have the same name; save the project again where it was made.");
    return new ZipReading(file, named, options);
  }

  get paths() {
    return [...this.#entries.keys()];
  }

  /** Bytes of all contents. */
  get bytes() {
    return [...this.#entries.values()].reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
  }

  /**
   * Reads a file to its end. What is stored as it is becomes a part of the zip file, and takes no memory.
   * @param most bytes that it may have
   * @throws what is wrong with it, as a sentence
   */
  async read(path: string, most = Infinity): Promise<Blob> {
    const entry = this.#entries.get(path);
    if (!entry) throw new Error(`The file ${path} is missing in it; save the project again where it was made.`);
    if (entry.uncompressedSize > most) throw new Error(`The file ${path} in it is larger than it can be.`);
    const { signal } = this.#options;
    signal.throwIfAborted();
    const stored = entry.compressionMethod === 0 && !entry.encrypted;
    const sink = new BlobSink();
    try {
      await entry.getData(this.#counted(entry, stored ? undefined : sink), { signal });
      return stored ? await this.#part(entry) : sink.file;
    } catch (error) {
      signal.throwIfAborted();
      // The person's own file may be gone, which is no damage.
      await readable(this.#file.slice(0, 1).arrayBuffer());
      throw new Error(`The file ${path} in it is damaged; copy the project file again, or save the project again where it was made.`, {
        cause: error,
      });
    }
  }

  /** Lets no more pass than the directory says. */
  #counted(entry: FileEntry, sink: BlobSink | undefined) {
    let bytes = 0;
    const writer = sink?.stream.getWriter();
    return new WritableStream<Uint8Array<ArrayBuffer>>({
      write: async (piece) => {
        bytes += piece.length;
        if (bytes > entry.uncompressedSize) throw new Error("it is longer than it should be");
        this.#options.passed(piece.length);
        await writer?.write(piece);
      },
      close: () => {
        if (bytes !== entry.uncompressedSize) throw new Error("it is shorter than it should be");
      },
    });
  }

  async #part({ offset, uncompressedSize }: FileEntry) {
    const header = new DataView(await this.#file.slice(offset, offset + LOCAL_HEADER_BYTES).arrayBuffer());
    const start = offset + LOCAL_HEADER_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
    return this.#file.slice(start, start + uncompressedSize);
  }
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch {
    throw new Error("It cannot be read any more: it was changed, moved or deleted.");
  }
}
