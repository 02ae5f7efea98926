// All that was done in this visit, in order, to be undone and done again, on whichever image it was done.

/**
 * @typedef {object} Deed
 * @property {string} what for a sentence, such as "accept the mask"
 * @property {string | undefined} image the id of the image on which it was done
 * @property {boolean} [passing] it is of prompts, which do not outlast their image's being open
 * @property {() => void} undo
 * @property {() => void} redo
 */

export class History {
  /** @type {Deed[]} */
  #done = [];
  /** @type {Deed[]} */
  #undone = [];
  #current;
  #open;
  #changed;
  /** An image is being opened for a deed on it. */
  #waiting = false;

  /**
   * @param {() => string | undefined} current the id of the image that is open
   * @param {(image: string) => Promise<boolean>} open brings an image back; resolves to whether it is open
   * @param {() => void} changed
   */
  constructor(current, open, changed) {
    this.#current = current;
    this.#open = open;
    this.#changed = changed;
  }

  /** What `undo` takes back. */
  get last() {
    return this.#done.at(-1)?.what;
  }

  /** What `redo` does again. */
  get next() {
    return this.#undone.at(-1)?.what;
  }

  /** @param {Deed} deed it has been done */
  push(deed) {
    this.#done.push(deed);
    this.#undone = [];
    this.#changed();
  }

  undo() {
    return this.#move(this.#done, this.#undone, "undo");
  }

  redo() {
    return this.#move(this.#undone, this.#done, "redo");
  }

  /** @param {Deed[]} from @param {Deed[]} to @param {"undo" | "redo"} how */
  async #move(from, to, how) {
    if (this.#waiting) return;
    const deed = from.findLast(({ image, passing }) => !passing || image === this.#current());
    if (!deed) return;
    if (deed.image !== undefined && deed.image !== this.#current() && !(await this.#bring(deed.image))) return;
    // Prompts of images that were left since are gone.
    while (from.pop() !== deed);
    deed[how]();
    to.push(deed);
    this.#changed();
  }

  /** @param {string} image */
  async #bring(image) {
    this.#waiting = true;
    try {
      return await this.#open(image);
    } finally {
      this.#waiting = false;
    }
  }
}
