// The project in the origin's private file system: project.json, and for each image <id>.labels, its object
// numbers as little-endian 32-bit integers, and <id>.image, the file that was opened.

import { LabelMap } from "./labels.js";

/** @typedef {import("./project.js").ProjectImage} ProjectImage */
/** @typedef {{id: string, name: string, kind: "sample" | "file", width: number, height: number, display: Display, heldOut: boolean | undefined}} StoredImage */

const FOLDER = "project";
const LIST = "project.json";
/** How long a page that is being closed may still hold the project, in milliseconds. */
const LOCK_PATIENCE = 1500;

/** Another page has the project. */
class TakenError extends Error {}

/** @param {unknown} error @returns {string} why labels are not stored */
export function storageSentence(error) {
  if (error instanceof TakenError) {
    return "GraySAM is open in another tab, which stores the labels; those made here are lost when this page is closed, so download them.";
  }
  if (error instanceof Error && error.name === "QuotaExceededError") {
    return "The browser's storage is full, so the labels are lost when this page is closed; download them, or free some space, such as a downloaded model's, and change a label to have them stored.";
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `The labels could not be stored (${reason}), so they are lost when this page is closed; download them.`;
}

/** @param {ProjectImage} image @returns {StoredImage} */
function describe({ id, name, source, labels: { width, height }, display, heldOut }) {
  return { id, name, kind: source.kind, width, height, display, heldOut };
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

/** @param {FileSystemDirectoryHandle} folder @param {string} name @param {Blob} content */
async function write(folder, name, content) {
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

/** @param {FileSystemDirectoryHandle} folder @returns {Promise<StoredImage[]>} */
async function readList(folder) {
  try {
    return JSON.parse(await (await read(folder, LIST)).text()).images;
  } catch {
    // There is none yet.
    return [];
  }
}

/** @param {FileSystemDirectoryHandle} folder @param {StoredImage} image @returns {Promise<ProjectImage>} */
async function readImage(folder, { id, name, kind, width, height, display, heldOut }) {
  const bytes = await (await read(folder, `${id}.labels`)).arrayBuffer();
  if (bytes.byteLength !== width * height * 4) throw new Error("The labels are of another size.");
  /** @type {ImageSource} */
  const source = kind === "file" ? { kind, name, file: await read(folder, `${id}.image`) } : { kind, name };
  return { id, name, source, display, labels: new LabelMap(new Uint32Array(bytes), width, height), heldOut };
}

export class ProjectStore {
  /** This page may write. @type {Promise<void> | undefined} */
  #taken;
  /** The images that this page has or had; others in the list stay as they are. @type {Set<string>} */
  #known = new Set();
  /** The revision of each image's labels that is stored. @type {Map<string, number>} */
  #revisions = new Map();
  /** Whose image file is stored. @type {Set<string>} */
  #files = new Set();

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
    for (const entry of await readList(folder)) {
      try {
        const image = await readImage(folder, entry);
        images.push(image);
        this.#known.add(image.id);
        this.#files.add(image.id);
        this.#revisions.set(image.id, image.labels.revision);
      } catch {
        unread.push(entry.name);
      }
    }
    return { images, unread };
  }

  /** Stores what has changed, the list after the files it names. @param {ProjectImage[]} images */
  async save(images) {
    // Blobs copy at once what the next stroke changes.
    const changed = images
      .filter(({ id, labels }) => this.#revisions.get(id) !== labels.revision)
      .map(({ id, labels: { ids, revision } }) => {
        return { id, revision, content: new Blob([/** @type {Uint32Array<ArrayBuffer>} */ (ids)]) };
      });
    const list = images.map(describe);
    await this.take();
    const folder = await this.#folder();
    for (const { id, source } of images) {
      this.#known.add(id);
      if (source.kind === "file" && !this.#files.has(id)) {
        await write(folder, `${id}.image`, source.file);
        // The person may move or change theirs.
        source.file = await read(folder, `${id}.image`);
      }
      this.#files.add(id);
    }
    for (const { id, revision, content } of changed) {
      await write(folder, `${id}.labels`, content);
      this.#revisions.set(id, revision);
    }
    const others = (await readList(folder)).filter(({ id }) => !this.#known.has(id));
    await write(folder, LIST, new Blob([JSON.stringify({ images: [...others, ...list] })]));
    await this.#removeUnlisted(folder, new Set(images.map(({ id }) => id)));
  }

  async #folder() {
    return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  }

  /** @param {FileSystemDirectoryHandle} folder @param {Set<string>} listed */
  async #removeUnlisted(folder, listed) {
    for (const id of this.#files) {
      if (listed.has(id)) continue;
      for (const name of [`${id}.image`, `${id}.labels`]) await folder.removeEntry(name).catch(() => {});
      this.#files.delete(id);
      this.#revisions.delete(id);
    }
  }
}
