// The project in the origin's private file system: project.json, and for each image <id>.image, the file that was
// opened, <id>.objects, its objects, and <id>.thumbnail.

/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./project.js").ProjectImage} ProjectImage */
/** @typedef {{id: string, name: string, kind: "sample" | "file", page?: number, width: number, height: number, display: Display | undefined, heldOut: boolean | undefined, done: boolean}} StoredImage */
/** @typedef {{images: StoredImage[], classes: ObjectClass[], currentClass: string | null, current: string | undefined, inHand: InHandPrompts | null}} StoredList */

import { runsOf } from "./project.js";

const FOLDER = "project";
const LIST = "project.json";
/** How long a page that is being closed may still hold the project, in milliseconds. */
const LOCK_PATIENCE = 1500;
/** Bytes that a write leaves free: a file system that is full to the brim fails without a word. */
const RESERVE = 1 << 20;

/** Another page has the project. */
class TakenError extends Error {}

/** There is no room for a write. */
class FullError extends Error {}

/** @param {unknown} error @returns {string} why the project is not stored */
export function storageSentence(error) {
  if (error instanceof TakenError) {
    return "GraySAM is open in another tab, which stores the labels; those made here are lost when this page is closed, so download them.";
  }
  if (error instanceof FullError || (error instanceof Error && error.name === "QuotaExceededError")) {
    return "The browser's storage is full, so the labels are lost when this page is closed; download them, or free some space, such as a downloaded model's, and change a label to have them stored.";
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `The labels could not be stored (${reason}), so they are lost when this page is closed; download them.`;
}

/** @param {ProjectImage} image @returns {StoredImage} */
function describe({ id, name, source: { kind, page }, width, height, display, heldOut, done }) {
  return { id, name, kind, page, width, height, display, heldOut, done };
}

/** Resolves when this page has the project for itself, as long as it lives. @returns {Promise<void>} */
function takeProject() {
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

/** @param {number} bytes */
async function requireRoom(bytes) {
  const { usage = 0, quota = Infinity } = await navigator.storage.estimate();
  if (usage + bytes + Math.min(RESERVE, quota / 16) > quota) throw new FullError();
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name @param {Blob} content */
async function write(folder, name, content) {
  await requireRoom(content.size);
  const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
  try {
    await stream.write(content);
  } catch (error) {
    await stream.abort();
    throw error;
  }
  // Only now does the new content take the old one's place.
  await stream.close();
}

/** @param {FileSystemDirectoryHandle} folder @param {string} name */
async function read(folder, name) {
  return (await folder.getFileHandle(name)).getFile();
}

/** @param {FileSystemDirectoryHandle} folder @returns {Promise<StoredList>} */
async function readList(folder) {
  try {
    return JSON.parse(await (await read(folder, LIST)).text());
  } catch {
    // There is none yet.
    return { images: [], classes: [], currentClass: null, current: undefined, inHand: null };
  }
}

/**
 * An image's objects as a file: the length of a JSON text, the text with what is known of each object, padded to four
 * bytes, and the runs of the object map. All numbers are little-endian 32-bit integers.
 * @param {ProjectImage} image
 */
function objectsFile(image) {
  const text = new TextEncoder().encode(JSON.stringify([...image.objects]));
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  padded.set(text);
  return new Blob([Uint32Array.of(padded.length), padded, /** @type {Uint32Array<ArrayBuffer>} */ (runsOf(image))]);
}

/** @param {ArrayBuffer} bytes of `objectsFile` @returns {{objects: Map<number, ObjectAttributes>, runs: Uint32Array}} */
function readObjects(bytes) {
  const [length] = new Uint32Array(bytes, 0, 1);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  return { objects: new Map(JSON.parse(text)), runs: new Uint32Array(bytes, 4 + length) };
}

/** @param {FileSystemDirectoryHandle} folder @param {StoredImage} image @returns {Promise<ProjectImage>} */
async function readImage(folder, { id, name, kind, page, width, height, display, heldOut, done }) {
  const opened = width > 0 ? await (await read(folder, `${id}.objects`)).arrayBuffer() : undefined;
  const { objects, runs } = opened ? readObjects(opened) : { objects: new Map(), runs: new Uint32Array(0) };
  /** @type {ImageSource} */
  const source = kind === "file" ? { kind, name, page, file: await read(folder, `${id}.image`) } : { kind, name, page };
  const thumbnail = await read(folder, `${id}.thumbnail`).catch(() => undefined);
  return { id, name, source, display, width, height, runs, labels: undefined, objects, heldOut, done, thumbnail, revision: 0 };
}

export class ProjectStore {
  /** This page may write. @type {Promise<void> | undefined} */
  #taken;
  /** The images that this page has or had; others in the list stay as they are. @type {Set<string>} */
  #known = new Set();
  /** The revision of each image's objects that is stored. @type {Map<string, number>} */
  #revisions = new Map();
  /** Whose image file is stored. @type {Set<string>} */
  #files = new Set();
  /** @type {Map<string, Blob>} */
  #thumbnails = new Map();
  /** The list as it is stored. */
  #list = "";

  /** This page has stored nothing and read nothing back. */
  get empty() {
    return this.#known.size === 0;
  }

  /** Takes the project for this page, so that two tabs do not overwrite each other's labels. @returns {Promise<void>} */
  take() {
    this.#taken ??= takeProject().catch((error) => {
      this.#taken = undefined;
      throw error;
    });
    return this.#taken;
  }

  /** What an earlier visit left, and the names of what could not be read. */
  async restore() {
    const folder = await this.#folder();
    /** @type {ProjectImage[]} */
    const images = [];
    /** @type {string[]} */
    const unread = [];
    const list = await readList(folder);
    for (const entry of list.images) {
      try {
        const image = await readImage(folder, entry);
        images.push(image);
        this.#known.add(image.id);
        this.#files.add(image.id);
        this.#revisions.set(image.id, image.revision);
        if (image.thumbnail) this.#thumbnails.set(image.id, image.thumbnail);
      } catch {
        unread.push(entry.name);
      }
    }
    if (this.#taken) await this.#removeUnlisted(folder, new Set(list.images.map(({ id }) => id)));
    return { ...list, images, unread };
  }

  /**
   * Stores what has changed, the list after the files it names. Files of images that nothing was done to are left to
   * `saveFile`.
   * @param {Project} project
   */
  async save(project) {
    // Blobs copy at once what the next stroke changes.
    const changed = project.images
      .filter(({ id, width, revision }) => width > 0 && this.#revisions.get(id) !== revision)
      .map((image) => ({ image, revision: image.revision, content: objectsFile(image) }));
    await this.take();
    const folder = await this.#folder();
    for (const { id } of project.images) this.#known.add(id);
    for (const { image, revision, content } of changed) {
      await write(folder, `${image.id}.objects`, content);
      this.#revisions.set(image.id, revision);
      await this.#saveFile(folder, image);
    }
    for (const { id, thumbnail } of project.images) {
      if (!thumbnail || this.#thumbnails.get(id) === thumbnail) continue;
      await write(folder, `${id}.thumbnail`, thumbnail);
      this.#thumbnails.set(id, thumbnail);
    }
    await this.#saveList(folder, project);
  }

  /** Whether all objects are stored as they are. @param {ProjectImage[]} images */
  holds(images) {
    return images.every(({ id, width, revision }) => width === 0 || this.#revisions.get(id) === revision);
  }

  /** Stores the file of one more image. @param {Project} project @returns {Promise<boolean>} false: all are stored */
  async saveFile(project) {
    const image = project.images.find(({ id }) => !this.#files.has(id));
    if (!image) return false;
    const folder = await this.#folder();
    await this.#saveFile(folder, image);
    await this.#saveList(folder, project);
    return true;
  }

  async #folder() {
    return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  }

  /** @param {FileSystemDirectoryHandle} folder @param {ProjectImage} image */
  async #saveFile(folder, { id, source }) {
    if (this.#files.has(id)) return;
    if (source.kind === "file") {
      await write(folder, `${id}.image`, source.file);
      // The person may move or change theirs.
      source.file = await read(folder, `${id}.image`);
    }
    this.#files.add(id);
  }

  /** @param {FileSystemDirectoryHandle} folder @param {Project} project */
  async #saveList(folder, { images, classes, currentClass, current, inHand }) {
    const others = (await readList(folder)).images.filter(({ id }) => !this.#known.has(id));
    const own = images.filter(({ id }) => this.#files.has(id)).map(describe);
    const list = JSON.stringify({ images: [...others, ...own], classes, currentClass, current: current?.id, inHand });
    if (list === this.#list) return;
    await write(folder, LIST, new Blob([list]));
    this.#list = list;
  }

  /** What was taken out of the project in an earlier visit. @param {FileSystemDirectoryHandle} folder @param {Set<string>} listed */
  async #removeUnlisted(folder, listed) {
    // The DOM library lists no iteration of directory handles.
    const names = /** @type {{keys(): AsyncIterable<string>}} */ (/** @type {unknown} */ (folder)).keys();
    for await (const name of names) {
      if (name !== LIST && !listed.has(name.replace(/\.[^.]*$/, ""))) await folder.removeEntry(name).catch(() => {});
    }
  }
}
