// The project in the browser's storage: the list of its images (project_list.ts), and for each of them <id>.objects
// (object_files.ts), <id>.thumbnail, <id>.suggestions (finding_files.ts) and a copy of its file (image_copies.ts).
//
// An image is listed before its objects are stored, and what no list names is removed at the next start, if everything
// could be read. So no stop in between loses objects that were stored.

import type { DraftRecord } from "../document/draft.js";
import type { PackedObjects } from "../document/project.js";
import type { Findings } from "../document/suggestions.js";
import type { ImageSource, ObjectClass, StoredPicture } from "../document/types.js";
import type { Display } from "../engine/graysam.js";
import { FindingFiles, findingFilesOf, type SearchedImage } from "./finding_files.js";
import { ImageCopies } from "./image_copies.js";
import { objectFilesOf, writeObjects } from "./object_files.js";
import { filesOf, folder, NoStorageError, writesFromPage } from "./opfs.js";
import { type ImageEntry, isAside, isList, type ProjectList, putAside, readList, writeList } from "./project_list.js";
import { StaleError, takeProject } from "./project_lock.js";
import { inTurn, type Spare, writeFile } from "./room.js";
import { copyOf, isMissing, type StoredImageRecord, StoredImages } from "./stored_images.js";

const FOLDER = "project";

/** An image as the store sees it. */
export interface ImageSnapshot extends SearchedImage {
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
  readonly thumbnail: Blob | StoredPicture | undefined;
  /** Grows with every change of the objects, from 0 for an image that was restored. */
  readonly revision: number;
  readonly objectCount: number;
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
  readonly findings: Findings;
}

/** A project as it comes back. */
export interface StoredProject {
  images: StoredImageRecord[];
  classes: ObjectClass[];
  currentClass: string | null;
  current: string | undefined;
  inHand: DraftRecord | null;
  /** Undefined: nothing was learned. */
  findings: Findings | undefined;
  /** The names of the images that could not be read. */
  unread: string[];
  /** Something stored could not be read, so nothing is removed in this visit; "all": not even what images there are. */
  doubt: "none" | "some" | "all";
}

async function projectFolder() {
  if (!writesFromPage()) throw new NoStorageError();
  return folder(FOLDER);
}

/** @param spare what may be removed for it @returns which of its objects are stored now */
async function saveObjects(project: FileSystemDirectoryHandle, image: ImageSnapshot, spare?: Spare) {
  const packed = await image.packedObjects();
  await writeObjects(project, image.id, packed, image.width * image.height, spare);
  return packed.revision;
}

export class ProjectStore {
  /** Resolves when this page may write. */
  #taken: Promise<void> | undefined;
  #held = false;
  #release = () => {};
  /** This page may write, and has seen that what is stored is what it has read. */
  #admitted = false;
  /** Of the stored list as this page has read or written it; undefined: it has not read any. */
  #generation: number | undefined;
  /** The stored list but for its generation. */
  #listed = "";
  /** The images that it names. */
  #listedIds: ReadonlySet<string> = new Set();
  /** Lists that cannot be read, and have not been put aside. */
  #unreadable: string[] = [];
  /** Images that could not be read: they stay in the list. */
  #unread: ImageEntry[] = [];
  /** Something could not be read, so nothing of the project is removed. */
  #doubtful = false;
  /** The images that this page has or had. */
  #known = new Set<string>();
  /** The revision of each image's objects that is stored. */
  #revisions = new Map<string, number>();
  /** Those that this page has stored. */
  #thumbnails = new Map<string, Blob>();
  #copies = new ImageCopies();
  #findings = new FindingFiles();

  /** This page has stored nothing and restored nothing. */
  get empty() {
    return this.#known.size === 0;
  }

  /** Takes the project for this page, so that two tabs do not overwrite each other's labels. */
  take(): Promise<void> {
    this.#taken ??= takeProject().then(
      (release) => {
        this.#held = true;
        this.#release = release;
      },
      (error) => {
        this.#taken = undefined;
        throw error;
      },
    );
    return this.#taken;
  }

  /** A page that may not write over what is stored keeps none from writing that may. */
  #giveBack() {
    this.#release();
    this.#taken = undefined;
    this.#held = false;
  }

  /** What an earlier visit left. Where this page may write, what no list names is removed, unless there is doubt. */
  async restore(): Promise<StoredProject> {
    const held = this.#held;
    const project = await projectFolder();
    const { list, stored, unreadable } = await readList(project);
    const files = await filesOf(project);
    const images: StoredImageRecord[] = [];
    for (const { entry, read } of await new StoredImages(project, files, this.#findings).read(list.images)) {
      if (!read) this.#unread.push(entry);
      if (!read || read.isEmpty) continue;
      images.push(read.image);
      this.#knowStored(read.image, copyOf(entry));
    }
    this.#generation = list.generation;
    this.#listedIds = new Set(list.images.map(({ id }) => id));
    this.#admitted = held;
    if (!stored) this.#unreadable = unreadable;
    const findings = await this.#findings.learned(project);
    const names = [...files.keys()];
    this.#doubtful = unreadable.length > 0 || this.#unread.length > 0 || names.some(isAside);
    if (held && stored && !this.#doubtful) await this.#removeUnlisted(project, names, list);
    const doubt = unreadable.length === 0 ? "none" : stored ? "some" : "all";
    const { classes, currentClass, current, inHand } = list;
    return { images, classes, currentClass, current, inHand, findings, unread: this.#unread.map(({ name }) => name), doubt };
  }

  #knowStored(image: StoredImageRecord, copy: string | null) {
    const { id, source, width } = image;
    this.#known.add(id);
    if (width > 0) this.#revisions.set(id, 0);
    if (!isMissing(source)) this.#copies.know(image, copy);
  }

  /** Stores what has changed: objects before files. Files of images without objects are left to `saveFile`. */
  async save(snapshot: ProjectSnapshot) {
    const project = await this.#admit();
    const changed = snapshot.images.filter(({ id, width, revision }) => width > 0 && this.#revisions.get(id) !== revision);
    const fresh = new Set(changed.filter(({ id }) => !this.#revisions.has(id)).map(({ id }) => id));
    const spare = this.#spare(project, snapshot);
    for (const { id } of snapshot.images) this.#known.add(id);
    if (this.#replaces(snapshot)) await this.#saveInPlace(project, snapshot, changed);
    else {
      await this.#saveList(project, snapshot, spare, fresh, changed.length > 0);
      for (const image of changed) this.#revisions.set(image.id, await saveObjects(project, image, spare));
    }
    const labelled = snapshot.images.filter(({ objectCount }) => objectCount > 0);
    const failure = await this.#storeCopies(project, labelled, spare);
    await this.#saveThumbnails(project, snapshot);
    await this.#findings.save(project, snapshot.images, snapshot.findings);
    await this.#saveList(project, snapshot, spare);
    if (failure) throw failure.error;
  }

  /** Whether none of the listed images is in the project any more. */
  #replaces({ images }: ProjectSnapshot) {
    return this.#listedIds.size > 0 && !images.some(({ id }) => this.#listedIds.has(id));
  }

  /** Stores a project in the place of the listed one: it is listed when all of its objects are there, so that one of the two is whole. */
  async #saveInPlace(project: FileSystemDirectoryHandle, snapshot: ProjectSnapshot, changed: ImageSnapshot[]) {
    const before = new Map(this.#revisions);
    try {
      for (const image of changed) this.#revisions.set(image.id, await saveObjects(project, image));
      await this.#saveList(project, snapshot, undefined, new Set(), changed.length > 0);
    } catch (error) {
      this.#revisions = before;
      throw error;
    }
  }

  /** One file that cannot be stored is no reason not to store the others. @returns why the first one cannot be */
  async #storeCopies(project: FileSystemDirectoryHandle, images: ImageSnapshot[], spare: Spare | undefined) {
    let failure: { error: unknown } | undefined;
    for (const image of images) {
      await this.#copies.store(project, image, spare).catch((error) => (failure ??= { error }));
    }
    return failure;
  }

  /** Whether all objects are stored as they are. */
  holds(images: readonly Pick<ImageSnapshot, "id" | "width" | "revision" | "objectCount">[]) {
    return images.every(({ id, width, revision, objectCount }) => {
      const stored = this.#revisions.get(id);
      return width === 0 || stored === revision || (stored === undefined && objectCount === 0);
    });
  }

  /** Whether the files of all images with objects are stored, so far as they are here. */
  holdsFiles(images: readonly Pick<ImageSnapshot, "id" | "source" | "objectCount">[]) {
    return images.every(({ id, source, objectCount }) => objectCount === 0 || isMissing(source) || this.#copies.nameOf(id) !== undefined);
  }

  /** Stores the file of one more image, the open one first. @returns false: all are stored @throws if none of those left can be */
  async saveFile(snapshot: ProjectSnapshot): Promise<boolean> {
    const isOpen = ({ id }: ImageSnapshot) => id === snapshot.current;
    const lacking = snapshot.images.filter(({ id, source }) => this.#copies.nameOf(id) === undefined && !isMissing(source));
    if (lacking.length === 0) return false;
    const project = await this.#admit();
    const spare = this.#spare(project, snapshot);
    let failure: { error: unknown } | undefined;
    for (const image of [...lacking.filter(isOpen), ...lacking.filter((other) => !isOpen(other))]) {
      const failed = await this.#storeCopies(project, [image], isOpen(image) ? spare : undefined);
      failure ??= failed;
      if (!failed) return this.#saveList(project, snapshot, spare).then(() => true);
    }
    throw failure?.error;
  }

  /** @throws if this page may not write, or not over what is stored */
  async #admit() {
    await this.take();
    const project = await projectFolder();
    if (this.#admitted && this.#unreadable.length === 0) return project;
    const { list, stored, unreadable } = await readList(project);
    const isThere = stored || unreadable.length > 0;
    const wasRead = this.#generation !== undefined && this.#unreadable.length > 0 === (isThere && !stored);
    if (isThere && !wasRead) throw new Error("what an earlier visit stored could not be read at first; reload the page");
    if (stored && list.generation !== this.#generation) {
      this.#giveBack();
      throw new StaleError();
    }
    await putAside(project, this.#unreadable);
    this.#unreadable = [];
    this.#admitted = true;
    return project;
  }

  /** Suggestions and what was learned, then copies that no image with objects needs, nor the open one; none where there is doubt. */
  #spare(project: FileSystemDirectoryHandle, { images, current }: ProjectSnapshot) {
    if (this.#doubtful) return undefined;
    const needed = images.filter(({ id, objectCount }) => objectCount > 0 || id === current);
    const copies = this.#copies.spare(project, new Set(needed.map(({ id }) => id)), new Set(images.map(({ id }) => id)));
    return inTurn(this.#findings.spare(project, current), copies);
  }

  async #saveThumbnails(project: FileSystemDirectoryHandle, { images }: ProjectSnapshot) {
    for (const { id, thumbnail } of images) {
      if (!(thumbnail instanceof Blob) || this.#thumbnails.get(id) === thumbnail) continue;
      await writeFile(project, `${id}.thumbnail`, thumbnail);
      this.#thumbnails.set(id, thumbnail);
    }
  }

  /** @param awaited images whose objects are about to be stored for the first time @param always writes it even if it is the same */
  async #saveList(
    project: FileSystemDirectoryHandle,
    snapshot: ProjectSnapshot,
    spare: Spare | undefined,
    awaited: ReadonlySet<string> = new Set(),
    always = false,
  ) {
    const { classes, currentClass, current, inHand } = snapshot;
    const own = snapshot.images.filter(
      ({ id, done }) => this.#copies.nameOf(id) !== undefined || this.#revisions.has(id) || awaited.has(id) || done,
    );
    const images = [...this.#unread, ...own.map((image) => this.#entryOf(image, awaited.has(image.id)))];
    const body = { images, classes: [...classes], currentClass, current, inHand };
    const text = JSON.stringify(body);
    if (text === this.#listed && !always) return;
    // One that fails half way may have been read by another tab: no two lists have the same number.
    this.#generation = (this.#generation ?? 0) + 1;
    await writeList(project, { generation: this.#generation, ...body }, spare);
    this.#listed = text;
    this.#listedIds = new Set(images.map(({ id }) => id));
  }

  #entryOf({ id, name, source, width, height, display, heldOut, done }: ImageSnapshot, awaited: boolean): ImageEntry {
    const { kind, page } = source;
    const { content, path } = source.kind === "file" ? source : {};
    const entry = { id, name, kind, page, content, path, file: this.#copies.nameOf(id) ?? null, display, heldOut, done };
    // Without stored objects it comes back as one that has not been opened.
    const size = awaited || this.#revisions.has(id) ? { width, height } : { width: 0, height: 0 };
    return awaited ? { ...entry, ...size, awaited } : { ...entry, ...size };
  }

  /** What was taken out of the project in an earlier visit. */
  async #removeUnlisted(project: FileSystemDirectoryHandle, names: string[], { images }: ProjectList) {
    const listed = new Set(
      images.flatMap((entry) => [...objectFilesOf(entry.id), ...findingFilesOf(entry.id), `${entry.id}.thumbnail`, copyOf(entry)]),
    );
    for (const name of names) {
      if (!isList(name) && !this.#findings.names.includes(name) && !listed.has(name)) await project.removeEntry(name).catch(() => {});
    }
  }
}
