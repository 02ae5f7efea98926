// Reads the stored images. Each operation of the storage takes a way to the browser and back, longer than the reading itself,
// and a project may have thousands of images: so the folder is listed once, objects of many images are read as one, and
// thumbnails only when they are shown.

import { identify } from "../document/content.js";
import type { Suggestion } from "../document/suggestion.js";
import type { ImageSource, ObjectAttributes, StoredPicture } from "../document/types.js";
import type { Display } from "../engine/graysam.js";
import type { FindingFiles, SearchedImage } from "./finding_files.js";
import { readObjects, readObjectsTogether, type StoredObjects } from "./object_files.js";
import type { ImageEntry } from "./project_list.js";

/** Images that are read as one. */
const TOGETHER = 64;
/** How many times so many are read side by side. */
const LANES = 2;

/** An image as it comes back. */
export interface StoredImageRecord extends SearchedImage {
  id: string;
  name: string;
  source: ImageSource;
  display: Display | undefined;
  width: number;
  height: number;
  heldOut: boolean | undefined;
  done: boolean;
  thumbnail: StoredPicture | undefined;
  objects: Map<number, ObjectAttributes>;
  runs: Uint32Array;
  rejected: readonly Suggestion[];
}

interface ReadImage {
  image: StoredImageRecord;
  /** Nothing of it was stored yet. */
  isEmpty: boolean;
}

interface ReadEntry {
  entry: ImageEntry;
  /** Undefined: it could not be read. */
  read: ReadImage | undefined;
}

/** The name of the stored file of an image; null: it has none. */
export const copyOf = ({ id, kind, file }: ImageEntry) => (kind === "sample" ? null : file === undefined ? `${id}.image` : file);

export function isMissing(source: ImageSource) {
  return source.kind === "file" && source.missing === true;
}

export class StoredImages {
  #project;
  #files;
  #findings;
  /** The stored files of images: the pages of a stack share theirs. */
  #copies = new Map<string, Promise<File>>();

  /** @param files of the folder, by their names */
  constructor(project: FileSystemDirectoryHandle, files: ReadonlyMap<string, FileSystemFileHandle>, findings: FindingFiles) {
    this.#project = project;
    this.#files = files;
    this.#findings = findings;
  }

  /** In their order. */
  async read(entries: readonly ImageEntry[]): Promise<ReadEntry[]> {
    const read: ReadEntry[][] = [];
    let next = 0;
    const lane = async () => {
      while (next * TOGETHER < entries.length) {
        const part = next++;
        read[part] = await this.#readTogether(entries.slice(part * TOGETHER, (part + 1) * TOGETHER));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return read.flat();
  }

  async #readTogether(entries: readonly ImageEntry[]) {
    const objects = await readObjectsTogether(this.#files, entries);
    return Promise.all(
      entries.map(async (entry) => ({ entry, read: await this.#readImage(entry, objects.get(entry.id)).catch(() => undefined) })),
    );
  }

  /** @param together its objects, where they were read with those of others */
  async #readImage(entry: ImageEntry, together: StoredObjects | undefined): Promise<ReadImage> {
    const { id, name, display, heldOut, done } = entry;
    const stored = together ?? (await this.#objectsOf(entry));
    const { width, height } = stored ? entry : { width: 0, height: 0 };
    const known = stored ?? { objects: new Map(), runs: new Uint32Array(0), rejected: [] };
    const searched = await this.#findings.suggestionsOf(this.#files, id, width, height);
    const source = await this.#sourceOf(entry);
    // Lists of earlier versions do not say what is in a file.
    await identify(source);
    const thumbnail = this.#files.get(`${id}.thumbnail`);
    const image = { ...searched, id, name, display, width, height, heldOut, done, ...known, source, thumbnail };
    const isEmpty = entry.awaited === true && !stored && isMissing(source);
    return { image, isEmpty };
  }

  /** @returns undefined if there are none yet @throws if there should be some that can be read */
  async #objectsOf({ id, width, height, awaited, file }: ImageEntry): Promise<StoredObjects | undefined> {
    if (width === 0) return undefined;
    try {
      const stored = await readObjects(this.#project, id, width * height);
      if (stored) return stored;
    } catch (error) {
      // The first time that they are stored may have been broken off, but not the reading of them.
      if (!awaited || error instanceof DOMException) throw error;
    }
    // The version before stored none for an image that was opened on a later visit and left as it was.
    if (awaited || file === undefined) return undefined;
    throw new Error("its objects are missing");
  }

  /** @throws if the file is there and cannot be read */
  async #sourceOf(entry: ImageEntry): Promise<ImageSource> {
    const { kind, name, page, content, path } = entry;
    if (kind === "sample") return { kind, name, page };
    const copy = copyOf(entry);
    try {
      const file = copy === null ? undefined : await this.#copy(copy);
      if (file) return { kind, name, page, content, path, file };
    } catch (error) {
      if (!(error instanceof Error && error.name === "NotFoundError")) throw error;
    }
    return { kind, name, page, content, path, file: new Blob([]), missing: true };
  }

  /** @returns undefined if there is none */
  #copy(name: string) {
    const copy = this.#copies.get(name) ?? this.#files.get(name)?.getFile();
    if (copy) this.#copies.set(name, copy);
    return copy;
  }
}
