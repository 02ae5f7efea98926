// The predicted mask with the person's corrections, which outlast further predictions until it is accepted or cleared.

import { Raster, sweep } from "./raster.js";
import { pack, unpack } from "./runs.js";

/** @typedef {import("./raster.js").Change} Change */
/** @typedef {import("./viewer.js").Point} Point */

const [UNTOUCHED, ADDED, REMOVED] = [0, 1, 2];

export class DraftMask {
  /** The prediction with the corrections: 255 inside, 0 outside. @type {Uint8Array | undefined} */
  mask;
  #width;
  #height;
  /** @type {Uint8Array | undefined} */
  #predicted;
  /** @type {Raster<Uint8Array> | undefined} */
  #edits;

  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.#width = width;
    this.#height = height;
  }

  get corrected() {
    return this.#edits?.values.some(Boolean) ?? false;
  }

  /** The corrections, to be put back with `correctAs`. */
  get corrections() {
    return this.#edits && pack(this.#edits.values);
  }

  /** @param {Uint32Array | undefined} corrections those of a mask before */
  correctAs(corrections) {
    const length = this.#width * this.#height;
    this.#edits = corrections && new Raster(Uint8Array.from(unpack(corrections, length)), this.#width, this.#height);
  }

  /** @param {Uint8Array | null} mask a new prediction; null: there is none any more */
  predict(mask) {
    if (!mask) this.#edits = undefined;
    this.#predicted = mask ?? undefined;
    this.mask = mask?.slice();
    if (mask) this.#correct({ x0: 0, y0: 0, x1: this.#width, y1: this.#height });
  }

  /** @param {Point} from @param {Point} to @param {number} diameter @param {boolean} add @returns {PixelBox | undefined} */
  paint(from, to, diameter, add) {
    if (!this.mask) return;
    const { mask } = this;
    const edits = (this.#edits ??= new Raster(new Uint8Array(mask.length), this.#width, this.#height));
    const box = sweep(from, to, diameter, this.#width, this.#height, (start, end) => {
      for (let i = start; i < end; i++) {
        if (mask[i] > 0 !== add) edits.set(i, add ? ADDED : REMOVED);
      }
    });
    if (box) this.#correct(box);
    return box;
  }

  /** Ends a stroke. @returns {Change | undefined} */
  finish() {
    return this.#edits?.finish();
  }

  /** @param {Change} change a stroke */
  undo(change) {
    this.#edits?.undo(change);
    this.#correct(change.box);
  }

  /** @param {Change} change a stroke that was taken back */
  redo(change) {
    this.#edits?.redo(change);
    this.#correct(change.box);
  }

  /** @param {PixelBox} box */
  #correct({ x0, y0, x1, y1 }) {
    if (!this.mask || !this.#predicted || !this.#edits) return;
    for (let y = y0; y < y1; y++) {
      for (let i = y * this.#width + x0; i < y * this.#width + x1; i++) {
        const edit = this.#edits.values[i];
        this.mask[i] = edit === UNTOUCHED ? this.#predicted[i] : edit === ADDED ? 255 : 0;
      }
    }
  }
}
