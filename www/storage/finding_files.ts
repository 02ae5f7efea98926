// What was learned, and what is suggested in each image: finder.json with finder-<id>.safetensors, and <id>.suggestions.
// They can be made again, so none of them is worth a word when there is no room for it or it cannot be read, and they go
// where room is lacking for what cannot.

import { recordOf, type Suggestion, suggestionIn, type SuggestionRecord } from "../document/suggestion.js";
import type { Findings } from "../document/suggestions.js";
import { isFull, readFile, remove } from "./opfs.js";
import { type Spare, spareFiles, writeFile } from "./room.js";

const ABOUT = "finder.json";
const finderOf = (id: string) => `finder-${id}.safetensors`;
const nameOf = (id: string) => `${id}.suggestions`;

/** What an image has of them. */
export interface SearchedImage {
  readonly id: string;
  readonly suggestions: readonly Suggestion[];
  readonly searchedBy: string;
}

/** The content of <id>.suggestions. */
interface StoredSuggestions {
  searchedBy: string;
  suggestions: SuggestionRecord[];
}

export class FindingFiles {
  /** What was stored of each image, or had no room, and is not tried again until it changes. */
  #suggestions = new Map<string, readonly Suggestion[]>();
  /** The images whose suggestions are stored. */
  #stored = new Set<string>();
  /** The name of the stored finder's file. */
  #finder: string | undefined;
  /** The content of finder.json. */
  #about = "";

  /** The files that belong to no image. */
  get names(): readonly string[] {
    return this.#finder ? [ABOUT, this.#finder] : [];
  }

  async save(project: FileSystemDirectoryHandle, images: readonly SearchedImage[], findings: Findings) {
    for (const image of images) await this.#saveImage(project, image);
    const { learned, threshold } = findings;
    if (!learned) return this.#finder && this.#remove(project, this.#finder);
    const { file, ...rest } = learned;
    const about = JSON.stringify({ ...rest, threshold });
    if (about === this.#about) return;
    this.#about = about;
    const [name, before] = [finderOf(learned.id), this.#finder];
    if (name !== before && !(await written(project, name, file))) return;
    if (!(await written(project, ABOUT, new Blob([about])))) return;
    this.#finder = name;
    // Whatever stops the page before, finder.json names a file that is there.
    if (before && before !== name) await remove(project, before);
  }

  async #saveImage(project: FileSystemDirectoryHandle, { id, suggestions, searchedBy }: SearchedImage) {
    if (searchedBy && this.#suggestions.get(id) === suggestions) return;
    this.#suggestions.set(id, suggestions);
    const stored: StoredSuggestions = { searchedBy, suggestions: suggestions.map(recordOf) };
    if (searchedBy && (await written(project, nameOf(id), new Blob([JSON.stringify(stored)])))) this.#stored.add(id);
    else if (this.#stored.has(id)) await this.#remove(project, nameOf(id));
  }

  /** All of it, what can be made again first. @param open id of the image on which the person works */
  spare(project: FileSystemDirectoryHandle, open: string | undefined): Spare {
    const names = () => {
      const others = [...this.#stored].filter((id) => id !== open);
      const ids = open !== undefined && this.#stored.has(open) ? [...others, open] : others;
      return [...ids.map(nameOf), ...(this.#finder ? [this.#finder] : [])];
    };
    return spareFiles(project, names, (name) => this.#remove(project, name));
  }

  async #remove(project: FileSystemDirectoryHandle, name: string) {
    for (const id of this.#stored) if (nameOf(id) === name) this.#stored.delete(id);
    if (name === this.#finder) {
      this.#finder = undefined;
      await remove(project, ABOUT);
    }
    await remove(project, name);
  }

  /**
   * @param files of the folder, by their names
   * @param width of the image; 0: it has not been opened yet
   */
  async suggestionsOf(files: ReadonlyMap<string, FileSystemFileHandle>, id: string, width: number, height: number): Promise<SearchedImage> {
    const size = width > 0 ? { width, height } : undefined;
    const file = files.get(nameOf(id));
    try {
      if (!file) return { id, suggestions: [], searchedBy: "" };
      const { searchedBy, suggestions: records }: StoredSuggestions = JSON.parse(await (await file.getFile()).text());
      const suggestions = records.map((record) => suggestionIn(record, size)).filter((suggestion) => suggestion !== undefined);
      this.#suggestions.set(id, suggestions);
      this.#stored.add(id);
      return { id, suggestions, searchedBy: String(searchedBy) };
    } catch {
      return { id, suggestions: [], searchedBy: "" };
    }
  }

  async learned(project: FileSystemDirectoryHandle): Promise<Findings | undefined> {
    try {
      const { threshold, ...rest } = JSON.parse(await (await readFile(project, ABOUT)).text());
      if (typeof rest.id !== "string" || !Number.isFinite(rest.objects) || !(threshold >= 0 && threshold <= 1)) return undefined;
      // The stored file may have to go.
      const file = new Blob([await (await readFile(project, finderOf(rest.id))).arrayBuffer()]);
      this.#finder = finderOf(rest.id);
      return { learned: { ...rest, file }, threshold };
    } catch {
      return undefined;
    }
  }
}

/** @returns false: there is no room */
async function written(project: FileSystemDirectoryHandle, name: string, content: Blob) {
  try {
    await writeFile(project, name, content);
    return true;
  } catch (error) {
    if (!isFull(error)) throw error;
    return false;
  }
}

/** The names of the files that an image may have. */
export function findingFilesOf(id: string) {
  return [nameOf(id)];
}
