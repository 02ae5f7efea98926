// The images with labels: which they are, in which order, which are held out, and keeping them stored.

import { LabelMap } from "./labels.js";
import { ProjectStore, storageSentence } from "./project_store.js";

/** Milliseconds from the first change that is not stored to its being stored. */
const SAVE_DELAY = 500;

/**
 * @typedef {object} ProjectImage
 * @property {string} id
 * @property {string} name
 * @property {ImageSource} source
 * @property {Display} display
 * @property {LabelMap} labels
 * @property {boolean | undefined} heldOut the person's choice; undefined: the default
 */

/** @param {ImageSource} source */
function bytesOf(source) {
  return source.kind === "file" ? source.file.size : 0;
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

export class Project {
  /** The image that is open, in the list or not. @type {ProjectImage | undefined} */
  current;
  /** Why labels are not stored, as a sentence. @type {string | undefined} */
  unsaved;
  /** Resolves when the project of an earlier visit has been read back. @type {Promise<void>} */
  restored;

  /** @type {ProjectImage[]} */
  #images = [];
  /** @type {(() => void)[]} */
  #listeners = [];
  #store = new ProjectStore();
  #failed;
  #timer = 0;
  /** @type {Promise<void> | undefined} */
  #saving;
  #saveAgain = false;

  /** @param {(sentence: string) => void} failed */
  constructor(failed) {
    this.#failed = failed;
    this.restored = this.#restore();
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
    addEventListener("pagehide", () => this.flush());
  }

  /** The images with at least one object, in the order in which they got their first. @returns {LabelledImage[]} */
  get labelled() {
    const images = this.#images.filter(({ labels }) => labels.objects > 0);
    const heldOut = heldOutOf(images.map((image) => image.heldOut));
    return images.map(({ id, name, source, display, labels }, i) => {
      const { ids, width, height, objects } = labels;
      return { id, name, source, display, ids, width, height, heldOut: heldOut[i], objects };
    });
  }

  /** @param {() => void} listener called after every change of labels, list, display or held-out choice */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /**
   * Makes the opened image the current one; labels and display come back when it had been labelled before.
   * @param {ImageSource} source @param {number} width @param {number} height @param {Display} display
   * @returns {ProjectImage}
   */
  open(source, width, height, display) {
    const known = this.#images.find(
      (image) =>
        image.source.kind === source.kind &&
        image.name === source.name &&
        bytesOf(image.source) === bytesOf(source) &&
        image.labels.width === width &&
        image.labels.height === height,
    );
    // What was opened and never labelled is forgotten.
    this.#images = this.#images.filter((image) => image === known || image.labels.objects > 0);
    const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    const labels = known?.labels ?? new LabelMap(new Uint32Array(width * height), width, height);
    this.current = known ?? { id, name: source.name, source, display, labels, heldOut: undefined };
    this.#changed();
    return this.current;
  }

  /** The current image's labels have changed. */
  labelsChanged() {
    const { current } = this;
    if (current && !this.#images.includes(current)) this.#images.push(current);
    this.#changed();
  }

  /** The current image's display was set. @param {Display} display */
  setDisplay(display) {
    if (!this.current || JSON.stringify(this.current.display) === JSON.stringify(display)) return;
    this.current.display = display;
    this.#changed();
  }

  /** @param {string} id @param {boolean} heldOut */
  setHeldOut(id, heldOut) {
    const others = this.labelled.filter((image) => image.id !== id);
    if (heldOut && others.every((image) => image.heldOut)) {
      this.#failed("At least one image has to stay in training; label another one, or take one of the held-out images back first.");
    } else {
      const image = this.#images.find((image) => image.id === id);
      if (image) image.heldOut = heldOut;
    }
    this.#changed();
  }

  /** Takes an image and its labels out of the project. @param {string} id */
  remove(id) {
    this.#images = this.#images.filter((image) => image.id !== id);
    this.#changed();
  }

  /** Stores now what waits to be stored. */
  flush() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#saving) this.#saveAgain = true;
    else void this.#save();
  }

  #changed() {
    for (const listener of this.#listeners) listener();
    this.#timer ||= window.setTimeout(() => this.flush(), SAVE_DELAY);
  }

  async #save() {
    // The open image's file stays even without labels: an undo may bring them back.
    const kept = this.#images.filter((image) => image.labels.objects > 0 || image === this.current);
    if (kept.length === 0 && this.#store.empty) return;
    const wasUnsaved = this.unsaved;
    this.#saving = this.#store.save(kept);
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

  async #restore() {
    try {
      // Without leave to write, the first save says so.
      await this.#store.take().catch(() => {});
      const { images, unread } = await this.#store.restore();
      this.#images = images;
      if (unread.length > 0) this.#failed(`The stored labels of ${unread.join(", ")} could not be read; open them from a file.`);
    } catch {
      // Without storage nothing was kept.
    }
    for (const listener of this.#listeners) listener();
  }
}
