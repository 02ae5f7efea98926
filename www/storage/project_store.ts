// The project in the browser's storage: project.json, and for each image <id>.image, the file that was opened,
// <id>.objects, its objects, and <id>.thumbnail.

import type { DraftRecord } from "../document/draft.js";
import type { PackedObjects } from "../document/project.js";
import type { ImageSource, ObjectAttributes, ObjectClass } from "../document/types.js";
import type { Display, Prompt, PromptRound } from "../engine/graysam.js";
import { folder, isFull, list, readFile } from "./opfs.js";
import { writeFile } from "./room.js";

const FOLDER = "project";
const PROJECT_FILE = "project.json";
/** How long a page that is being closed may still hold the project, in milliseconds. */
const LOCK_PATIENCE = 1500;

/** An image as the store sees it. */
export interface ImageSnapshot {
  readonly id: string;
  readonly name: string;
  /** Its file is replaced by the stored copy once there is one. */
  readonly source: ImageSource;
  readonly display: Display | undefined;
  /** 0 until it has been opened. */
  readonly width: number;
  readonly height: number;
  readonly heldOut: boolean | undefined;
  readonly done: boolean;
  readonly thumbnail: Blob | undefined;
  /** Grows with every change of the objects, from 0 for an image that was restored. */
  readonly revision: number;
  packedObjects(): Promise<PackedObjects>;
}

/** A project as the store sees it. */
export interface ProjectSnapshot {
  readonly images: readonly ImageSnapshot[];
  readonly classes: readonly ObjectClass[];
  readonly currentClass: string | null;
  /** The id of the image that is open. */
  readonly current: string | undefined;
  readonly inHand: DraftRecord | null;
}

/** An image as it comes back. */
export interface StoredImageRecord {
  id: string;
  name: string;
  source: ImageSource;
  display: Display | undefined;
  width: number;
  height: number;
  heldOut: boolean | undefined;
  done: boolean;
  thumbnail: Blob | undefined;
  objects: Map<number, ObjectAttributes>;
  runs: Uint32Array;
}

/** A project as it comes back. */
export interface StoredProject {
  images: StoredImageRecord[];
  classes: ObjectClass[];
  currentClass: string | null;
  current: string | undefined;
  inHand: DraftRecord | null;
}

/** What project.json has of an image. */
type ImageEntry = Omit<StoredImageRecord, "source" | "thumbnail" | "objects" | "runs"> & Pick<ImageSource, "kind" | "page">;

/** What project.json holds. */
type ProjectFile = Omit<StoredProject, "images"> & { images: ImageEntry[] };

/** A draft as earlier versions of the page stored it: the candidate was chosen of the last prompt's. */
interface EarlierDraft {
  prompts: Prompt[];
  ious: number[];
  selected: number;
  refined: number;
  corrections: number[] | null;
}

/** A draft as earlier versions stored it that asked about whole images only. */
type WholeImageDraft = Omit<DraftRecord, "rounds"> & { rounds: (Omit<PromptRound, "side"> & { side?: number })[] };

/** Another page has the project. */
class TakenError extends Error {}

/** Why the project is not stored. */
export function storageSentence(error: unknown) {
  if (error instanceof TakenError) {
    return "GraySAM is open in another tab, which stores the labels; those made here are lost when this page is closed, so download them.";
  }
  if (isFull(error)) {
    return "The browser's storage is full, so the labels are lost when this page is closed; download them, or free some space, such as a downloaded model's, and change a label to have them stored.";
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `The labels could not be stored (${reason}), so they are lost when this page is closed; download them.`;
}

function entryOf({ id, name, source: { kind, page }, width, height, display, heldOut, done }: ImageSnapshot): ImageEntry {
  return { id, name, kind, page, width, height, display, heldOut, done };
}

/** Resolves when this page has the project for itself, for as long as it lives. */
function takeProject(): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(LOCK_PATIENCE);
    navigator.locks
      .request("graysam-project", { signal }, () => {
        resolve();
        return new Promise(() => {});
      })
      .catch(() => reject(new TakenError()));
  });
}

/** A stored draft, whichever version of the page stored it. */
export function draftOf(stored: DraftRecord | WholeImageDraft | EarlierDraft | null | undefined): DraftRecord | null {
  if (!stored) return null;
  if ("rounds" in stored) return { ...stored, rounds: stored.rounds.map((round) => ({ side: 0, ...round })) };
  const { prompts, ious, selected, refined, corrections } = stored;
  const rounds = prompts.map((prompt, i) => {
    const chosen = i === prompts.length - 1 && ious.length > 1;
    return { prompt, candidate: chosen ? selected : null, side: 0 };
  });
  return { rounds, refined, corrections };
}

async function readProjectFile(project: FileSystemDirectoryHandle): Promise<ProjectFile> {
  try {
    const stored = JSON.parse(await (await readFile(project, PROJECT_FILE)).text());
    return { ...stored, inHand: draftOf(stored.inHand) };
  } catch {
    // There is none yet.
    return { images: [], classes: [], currentClass: null, current: undefined, inHand: null };
  }
}

/**
 * An image's objects as a file: the length of a JSON text, the text with what is known of each object, padded to four
 * bytes, and the runs of the label map. All numbers are little-endian 32-bit integers.
 */
function objectsFile({ objects, runs }: PackedObjects) {
  const text = new TextEncoder().encode(JSON.stringify([...objects]));
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  padded.set(text);
  return new Blob([Uint32Array.of(padded.length), padded, runs as Uint32Array<ArrayBuffer>]);
}

/** @param bytes of `objectsFile` */
function readObjects(bytes: ArrayBuffer): Pick<StoredImageRecord, "objects" | "runs"> {
  const [length] = new Uint32Array(bytes, 0, 1);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  return { objects: new Map(JSON.parse(text)), runs: new Uint32Array(bytes, 4 + length) };
}

async function readImage(project: FileSystemDirectoryHandle, { kind, page, ...entry }: ImageEntry): Promise<StoredImageRecord> {
  const { id, name, width } = entry;
  const file = width > 0 ? await (await readFile(project, `${id}.objects`)).arrayBuffer() : undefined;
  const known = file ? readObjects(file) : { objects: new Map(), runs: new Uint32Array(0) };
  const source: ImageSource = kind === "file" ? { kind, name, page, file: await readFile(project, `${id}.image`) } : { kind, name, page };
  const thumbnail = await readFile(project, `${id}.thumbnail`).catch(() => undefined);
  return { ...entry, ...known, source, thumbnail };
}

export class ProjectStore {
  /** This page may write. */
  #taken: Promise<void> | undefined;
  /** The images that this page has or had; others in the project file stay as they are. */
  #known = new Set<string>();
  /** The revision of each image's objects that is stored. */
  #revisions = new Map<string, number>();
  /** Whose image file is stored. */
  #files = new Set<string>();
  #thumbnails = new Map<string, Blob>();
  /** The project file as it is stored. */
  #projectFile = "";

  /** This page has stored nothing and restored nothing. */
  get empty() {
    return this.#known.size === 0;
  }

  /** Takes the project for this page, so that two tabs do not overwrite each other's labels. */
  take(): Promise<void> {
    this.#taken ??= takeProject().catch((error) => {
      this.#taken = undefined;
      throw error;
    });
    return this.#taken;
  }

  /** What an earlier visit left, and the names of the images that could not be read. */
  async restore(): Promise<StoredProject & { unread: string[] }> {
    const project = await folder(FOLDER);
    const images: StoredImageRecord[] = [];
    const unread: string[] = [];
    const stored = await readProjectFile(project);
    for (const entry of stored.images) {
      try {
        const image = await readImage(project, entry);
        images.push(image);
        this.#known.add(image.id);
        this.#files.add(image.id);
        this.#revisions.set(image.id, 0);
        if (image.thumbnail) this.#thumbnails.set(image.id, image.thumbnail);
      } catch {
        unread.push(entry.name);
      }
    }
    if (this.#taken) await this.#removeUnlisted(project, new Set(stored.images.map(({ id }) => id)));
    return { ...stored, images, unread };
  }

  /**
   * Stores what has changed, the project file after the files it names. Files of images that nothing was done to are
   * left to `saveFile`.
   */
  async save(snapshot: ProjectSnapshot) {
    const changed = snapshot.images.filter(({ id, width, revision }) => width > 0 && this.#revisions.get(id) !== revision);
    await this.take();
    const project = await folder(FOLDER);
    for (const { id } of snapshot.images) this.#known.add(id);
    for (const image of changed) {
      const packed = await image.packedObjects();
      await writeFile(project, `${image.id}.objects`, objectsFile(packed));
      this.#revisions.set(image.id, packed.revision);
      await this.#saveFile(project, image);
    }
    for (const { id, thumbnail } of snapshot.images) {
      if (!thumbnail || this.#thumbnails.get(id) === thumbnail) continue;
      await writeFile(project, `${id}.thumbnail`, thumbnail);
      this.#thumbnails.set(id, thumbnail);
    }
    await this.#saveProjectFile(project, snapshot);
  }

  /** Whether all objects are stored as they are. */
  holds(images: readonly Pick<ImageSnapshot, "id" | "width" | "revision">[]) {
    return images.every(({ id, width, revision }) => width === 0 || this.#revisions.get(id) === revision);
  }

  /** Stores the file of one more image. @returns false: all are stored */
  async saveFile(snapshot: ProjectSnapshot): Promise<boolean> {
    const image = snapshot.images.find(({ id }) => !this.#files.has(id));
    if (!image) return false;
    const project = await folder(FOLDER);
    await this.#saveFile(project, image);
    await this.#saveProjectFile(project, snapshot);
    return true;
  }

  async #saveFile(project: FileSystemDirectoryHandle, { id, source }: ImageSnapshot) {
    if (this.#files.has(id)) return;
    if (source.kind === "file") {
      await writeFile(project, `${id}.image`, source.file);
      // The person may move or change theirs.
      source.file = await readFile(project, `${id}.image`);
    }
    this.#files.add(id);
  }

  async #saveProjectFile(project: FileSystemDirectoryHandle, { images, classes, currentClass, current, inHand }: ProjectSnapshot) {
    const foreign = (await readProjectFile(project)).images.filter(({ id }) => !this.#known.has(id));
    const own = images.filter(({ id }) => this.#files.has(id)).map(entryOf);
    const text = JSON.stringify({ images: [...foreign, ...own], classes, currentClass, current, inHand });
    if (text === this.#projectFile) return;
    await writeFile(project, PROJECT_FILE, new Blob([text]));
    this.#projectFile = text;
  }

  /** What was taken out of the project in an earlier visit. */
  async #removeUnlisted(project: FileSystemDirectoryHandle, listed: Set<string>) {
    for await (const name of list(project)) {
      if (name !== PROJECT_FILE && !listed.has(name.replace(/\.[^.]*$/, ""))) await project.removeEntry(name).catch(() => {});
    }
  }
}
