// The labelled objects of one image: a number per pixel, 0 for background.

import { Raster, sweep, union } from "./raster.js";

/** @typedef {import("./viewer.js").Point} Point */

/** The largest number that a 16-bit label image holds. */
const LARGEST_ID = 65535;

/** @extends {Raster<Uint32Array>} */
export class LabelMap extends Raster {
  /** Pixels of each object, and a box that holds them all; it does not shrink. @type {Map<number, {area: number, box: PixelBox}>} */
  #objects = new Map();

  /** @param {Uint32Array} ids object numbers of width * height pixels; the map keeps the array */
  constructor(/** @type {Uint32Array} */ ids, /** @type {number} */ width, /** @type {number} */ height) {
    super(ids, width, height);
    for (let start = 0, i = 1; i <= ids.length; i++) {
      if (i < ids.length && ids[i] === ids[start]) continue;
      this.ran(start, i - start, 0, ids[start]);
      start = i;
    }
  }

  get ids() {
    return this.values;
  }

  /** How many objects there are. */
  get objects() {
    return this.#objects.size;
  }

  /** The object at an image point, 0 for none. @param {Point} point */
  idAt({ x, y }) {
    const inside = x >= 0 && y >= 0 && x < this.width && y < this.height;
    return inside ? this.values[Math.floor(y) * this.width + Math.floor(x)] : 0;
  }

  /** A number that no object has, undefined when a label image could hold no more. */
  get freeId() {
    let highest = 0;
    for (const id of this.#objects.keys()) highest = Math.max(highest, id);
    if (highest < LARGEST_ID) return highest + 1;
    for (let id = 1; id < LARGEST_ID; id++) if (!this.#objects.has(id)) return id;
  }

  /**
   * Makes the free pixels of a mask an object.
   * @param {Uint8Array} mask width * height, 0 outside
   * @param {number} id
   * @returns {PixelBox | undefined} undefined when no pixel is free
   */
  accept(mask, id) {
    for (let i = 0; i < mask.length; i++) if (mask[i] && !this.values[i]) this.set(i, id);
    return this.finish();
  }

  /**
   * Paints free pixels; never those of another object. Ends with `finish`.
   * @param {Point} from @param {Point} to @param {number} diameter @param {number} id
   */
  paint(from, to, diameter, id) {
    return sweep(from, to, diameter, this.width, this.height, (start, end) => {
      for (let i = start; i < end; i++) if (!this.values[i]) this.set(i, id);
    });
  }

  /** Makes background of what the brush covers. Ends with `finish`. @param {Point} from @param {Point} to @param {number} diameter */
  erase(from, to, diameter) {
    return sweep(from, to, diameter, this.width, this.height, (start, end) => {
      for (let i = start; i < end; i++) this.set(i, 0);
    });
  }

  /** Makes background of an object. @param {number} id @returns {PixelBox | undefined} */
  remove(id) {
    const box = this.#objects.get(id)?.box;
    if (!box) return;
    for (let y = box.y0; y < box.y1; y++) {
      const end = y * this.width + box.x1;
      for (let i = y * this.width + box.x0; i < end; i++) if (this.values[i] === id) this.set(i, 0);
    }
    return this.finish();
  }

  /** Takes over other labels for all the image. @param {Uint32Array} ids width * height @returns {PixelBox | undefined} */
  replace(ids) {
    for (let i = 0; i < ids.length; i++) this.set(i, ids[i]);
    return this.finish();
  }

  /** @param {number} start @param {number} length @param {number} before @param {number} after */
  ran(start, length, before, after) {
    const object = this.#objects.get(before);
    if (object && (object.area -= length) === 0) this.#objects.delete(before);
    if (after === 0) return;
    const box = this.boxOfRun(start, length);
    const grown = this.#objects.get(after);
    if (!grown) this.#objects.set(after, { area: length, box });
    else {
      grown.area += length;
      grown.box = union(grown.box, box) ?? box;
    }
  }
}
