// The stored copies of image files: one for all pages of a file, under the key of its content.

import { contentKey, identify } from "../document/content.js";
import type { ImageSource } from "../document/types.js";
import { readFile, remove } from "./opfs.js";
import { type Spare, spareFiles, writeFile } from "./room.js";

/** An image as far as its file matters. */
export interface Filed {
  readonly id: string;
  /** Its file is replaced by the stored copy once there is one. */
  readonly source: ImageSource;
}

/** What names a copy: of large files not all is in the key, so that only those of one name and place share one. */
async function copyName(content: string, { name, path = "" }: { name: string; path?: string }) {
  return `${await contentKey(new Blob([JSON.stringify([content, name, path])]))}.image`;
}

export class ImageCopies {
  /** The name of each image's copy; null: it needs none. Images that were removed keep theirs until room is needed. */
  #names = new Map<string, string | null>();
  #sources = new Map<string, ImageSource>();
  /** The files as the person gave them. */
  #given = new Map<string, Blob>();

  /** The copy of an image that an earlier visit stored. */
  know({ id, source }: Filed, name: string | null) {
    this.#names.set(id, name);
    this.#sources.set(id, source);
  }

  /** The name of its copy; null: it needs none; undefined: there is none. */
  nameOf(id: string) {
    return this.#names.get(id);
  }

  /** @param spare what may be removed for it; without it, room is made by embeddings alone */
  async store(project: FileSystemDirectoryHandle, { id, source }: Filed, spare?: Spare) {
    if (this.#names.has(id)) return void this.#sources.set(id, source);
    if (source.kind === "file" && source.missing) return;
    if (source.kind === "file") {
      await identify(source);
      const name = await copyName(source.content ?? id, source);
      const isThere = [...this.#names.values()].includes(name);
      if (!isThere) await writeFile(project, name, source.file, spare);
      this.#given.set(id, source.file);
      // The person may move or change theirs.
      source.file = await readFile(project, name);
      this.know({ id, source }, name);
    } else {
      this.know({ id, source }, null);
    }
  }

  /**
   * Copies that may be removed: those of images that were removed from the project first.
   * @param needed ids of the images whose copies have to stay
   * @param listed ids of the project's images
   */
  spare(project: FileSystemDirectoryHandle, needed: ReadonlySet<string>, listed: ReadonlySet<string>): Spare {
    return spareFiles(
      project,
      () => this.#unneeded(needed, listed),
      (name) => this.#remove(project, name),
    );
  }

  #unneeded(needed: ReadonlySet<string>, listed: ReadonlySet<string>): string[] {
    const names = new Set([...this.#names.values()].filter((name) => name !== null));
    for (const id of needed) names.delete(this.#names.get(id) ?? "");
    const idsOf = (name: string) => [...this.#names].filter(([, other]) => other === name).map(([id]) => id);
    const isGiven = (name: string) => idsOf(name).every((id) => this.#given.has(id));
    const isListed = (name: string) => idsOf(name).some((id) => listed.has(id));
    /** What is lost with it: nothing, the file of an image that undo may bring back, that of one without objects. */
    const loss = (name: string) => (isListed(name) ? 2 : 0) + (isGiven(name) ? 0 : 1);
    // Of a listed image whose file the person gave in an earlier visit the copy is all there is.
    const replaceable = [...names].filter((name) => !isListed(name) || isGiven(name));
    return replaceable.sort((a, b) => loss(a) - loss(b));
  }

  /** Its images have the person's file again, or ask for it. */
  async #remove(project: FileSystemDirectoryHandle, name: string) {
    for (const [id, other] of [...this.#names]) {
      if (other !== name) continue;
      const source = this.#sources.get(id);
      const given = this.#given.get(id);
      this.#names.delete(id);
      if (source?.kind !== "file") continue;
      source.missing = given === undefined;
      source.file = given ?? new Blob([]);
    }
    await remove(project, name);
  }
}
