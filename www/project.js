// The images of the project with their objects and classes: which they are, in which order, which are done or held
// out, and keeping all of it stored.

import { LabelMap } from "./labels.js";
import { ProjectStore, storageSentence } from "./project_store.js";
import { distinct } from "./runs.js";

/**
 * @typedef {object} ProjectImage
 * @property {string} id
 * @property {string} name
 * @property {ImageSource} source
 * @property {Display | undefined} display as it was when it was shown last
 * @property {number} width 0 until it has been opened
 * @property {number} height
 * @property {Uint32Array} runs its objects as they were when it was shown last, see `pack`
 * @property {LabelMap | undefined} labels its objects, while it is open
 * @property {Map<number, ObjectAttributes>} objects what is known of them, by number
 * @property {boolean | undefined} heldOut the person's choice; undefined: the default
 * @property {boolean} done the person is through with it
 * @property {Blob | undefined} thumbnail
 * @property {number} revision grows with every change of the objects
 */

/** @param {ImageSource} source */
function bytesOf(source) {
  return source.kind === "file" ? source.file.size : 0;
}

/** @param {ImageSource} a @param {ImageSource} b */
function sameSource(a, b) {
  return a.kind === b.kind && a.name === b.name && (a.page ?? 0) === (b.page ?? 0) && bytesOf(a) === bytesOf(b);
}

/**
 * By default the last quarter of the images is held out, at least one and never all; a single image never is.
 * @param {(boolean | undefined)[]} choices @returns {boolean[]}
 */
export function heldOutOf(choices) {
  if (choices.length < 2) return choices.map(() => false);
  const first = choices.length - Math.max(1, Math.round(choices.length / 4));
  const heldOut = choices.map((choice, i) => choice ?? i >= first);
  if (heldOut.every(Boolean)) heldOut[Math.max(0, choices.indexOf(undefined))] = false;
  return heldOut;
}

/** The runs of an image's objects as they are now. @param {ProjectImage} image */
export function runsOf({ labels, runs }) {
  return labels?.pack() ?? runs;
}

/** Of images that are not open, by their runs. @type {WeakMap<Uint32Array, number>} */
const counts = new WeakMap();

/** How many objects an image has. @param {ProjectImage} image */
export function objectsOf({ labels, runs }) {
  if (labels) return labels.objects;
  const count = counts.get(runs) ?? distinct(runs);
  counts.set(runs, count);
  return count;
}

export class Project {
  /** @type {ProjectImage[]} */
  images = [];
  /** The image that is open. @type {ProjectImage | undefined} */
  current;
  /** @type {ObjectClass[]} */
  classes = [];
  /** What new objects are of. @type {string | null} */
  currentClass = null;
  /** The prompts on the current image that are no object yet. @type {InHandPrompts | null} */
  inHand = null;
  /** Why the project is not stored, as a sentence. @type {string | undefined} */
  unsaved;
  /** Resolves to the image that an earlier visit had open. @type {Promise<ProjectImage | undefined>} */
  restored;

  /** @type {(() => void)[]} */
  #listeners = [];
  #store = new ProjectStore();
  #failed;
  /** @type {Promise<void> | undefined} */
  #saving;
  #saveAgain = false;

  /** @param {(sentence: string) => void} failed */
  constructor(failed) {
    this.#failed = failed;
    this.restored = this.#restore();
  }

  /** The images with at least one object, in the project's order. @returns {LabelledImage[]} */
  get labelled() {
    const images = this.images.filter((image) => objectsOf(image) > 0);
    const heldOut = heldOutOf(images.map((image) => image.heldOut));
    return images.map((image, i) => ({
      id: image.id,
      name: image.name,
      source: image.source,
      display: /** @type {Display} */ (image.display),
      width: image.width,
      height: image.height,
      heldOut: heldOut[i],
      objects: objectsOf(image),
      runs: () => runsOf(image),
    }));
  }

  /** @param {() => void} listener called after every change */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** @param {string | null} id */
  classOf(id) {
    return this.classes.find((one) => one.id === id);
  }

  /** The image of this source, if the project has it. @param {ImageSource} source */
  find(source) {
    return this.images.find((image) => sameSource(image.source, source));
  }

  /** Adds images that have not been opened yet, but for those that are here. @param {ImageSource[]} sources */
  add(sources) {
    for (const source of sources) if (!this.find(source)) this.images.push(this.#imageOf(source));
    this.changed();
  }

  /**
   * Makes the opened image the current one; its objects and display come back when it had been opened before.
   * @param {ImageSource} source @param {number} width @param {number} height @param {Display} display
   * @returns {ProjectImage & {labels: LabelMap, display: Display}}
   */
  open(source, width, height, display) {
    this.close();
    let image = this.find(source);
    if (image?.width && (image.width !== width || image.height !== height)) image = undefined;
    if (!image) this.images.push((image = this.#imageOf(source)));
    if (!image.width) Object.assign(image, { width, height, runs: Uint32Array.of(width * height, 0) });
    const opened = Object.assign(image, { display: image.display ?? display, labels: new LabelMap(image.runs, width, height) });
    this.current = opened;
    this.changed();
    return opened;
  }

  /** Packs the current image, so that what is open takes the memory of one. */
  close() {
    const { current } = this;
    if (!current?.labels) return;
    current.runs = current.labels.pack();
    for (const id of current.objects.keys()) if (!current.labels.areaOf(id)) current.objects.delete(id);
    current.labels = undefined;
    this.current = undefined;
  }

  /** Objects of the current image have changed. */
  objectsChanged() {
    if (this.current) this.current.revision += 1;
    this.changed();
  }

  /** The current image's display was set. @param {Display} display */
  setDisplay(display) {
    if (!this.current || JSON.stringify(this.current.display) === JSON.stringify(display)) return;
    this.current.display = display;
    this.changed();
  }

  /** @param {string} id @param {boolean} heldOut */
  setHeldOut(id, heldOut) {
    const others = this.labelled.filter((image) => image.id !== id);
    if (heldOut && others.every((image) => image.heldOut)) {
      this.#failed("At least one image has to stay in training; label another one, or take one of the held-out images back first.");
    } else {
      const image = this.images.find((image) => image.id === id);
      if (image) image.heldOut = heldOut;
    }
    this.changed();
  }

  /** The image that many places further in the list, at its ends none. @param {number} step */
  beside(step) {
    const at = this.current ? this.images.indexOf(this.current) : -1;
    return this.images[at + step];
  }

  /** Whether objects are being stored that would be lost with the page now. */
  get storing() {
    return this.#saving !== undefined && !this.#store.holds(this.images);
  }

  /** Something is to be stored, and shown. */
  changed() {
    for (const listener of this.#listeners) listener();
    this.store();
  }

  /** Something that is not listed anywhere is to be stored. */
  store() {
    if (this.#saving) this.#saveAgain = true;
    else void this.#save();
  }

  /** @param {ImageSource} source @returns {ProjectImage} */
  #imageOf(source) {
    const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    return {
      id,
      name: source.name,
      source,
      display: undefined,
      width: 0,
      height: 0,
      runs: new Uint32Array(0),
      labels: undefined,
      objects: new Map(),
      heldOut: undefined,
      done: false,
      thumbnail: undefined,
      revision: 0,
    };
  }

  async #save() {
    if (this.images.length === 0 && this.#store.empty) return;
    const wasUnsaved = this.unsaved;
    this.#saving = this.#saveAll();
    try {
      await this.#saving;
      this.unsaved = undefined;
    } catch (error) {
      this.unsaved = storageSentence(error);
      if (!wasUnsaved) this.#failed(this.unsaved);
    }
    this.#saving = undefined;
    if (this.unsaved !== wasUnsaved) for (const listener of this.#listeners) listener();
    if (this.#saveAgain) {
      this.#saveAgain = false;
      void this.#save();
    }
  }

  /** Objects first, then, as long as nothing changes, the images' files one by one. */
  async #saveAll() {
    await this.#store.save(this);
    while (!this.#saveAgain && (await this.#store.saveFile(this)));
  }

  async #restore() {
    let current;
    try {
      // Without leave to write, the first save says so.
      await this.#store.take().catch(() => {});
      const { images, classes, currentClass, inHand, unread, ...stored } = await this.#store.restore();
      this.images = images;
      this.classes = classes;
      this.currentClass = currentClass;
      this.inHand = inHand;
      current = images.find(({ id }) => id === stored.current);
      if (unread.length > 0) this.#failed(`The stored objects of ${unread.join(", ")} could not be read; open them from a file.`);
    } catch {
      // Without storage nothing was kept.
    }
    for (const listener of this.#listeners) listener();
    return current;
  }
}
