// A plane of numbers as a tinted picture over the image: each region is filled, and outlined where it ends.

import { packed } from "./colours.js";

/** @typedef {import("./colours.js").Colours} Colours */
/** @typedef {import("./tiled_layer.js").Painter} Painter */

/** @type {Colours} */
const MASK = { fill: packed(25, 181, 230, 96), outline: packed(0, 150, 215, 255) };

/** Of the predicted mask. */
export const maskColours = () => MASK;

/** @type {Colours} */
const PREVIEW = { fill: packed(25, 181, 230, 48), outline: packed(25, 181, 230, 150) };

/** Of the mask under the pointer. */
export const previewColours = () => PREVIEW;

/** A coarse level shows one of the pixels that each of its own stands for. @implements {Painter} */
export class Overlay {
  #values;
  #width;
  #height;
  #coloursOf;

  /**
   * @param {Uint8Array | Uint32Array} values width * height, 0 is transparent; they are not copied
   * @param {number} width @param {number} height
   * @param {(value: number) => Colours | undefined} coloursOf undefined: not shown
   */
  constructor(values, width, height, coloursOf) {
    this.#values = values;
    this.#width = width;
    this.#height = height;
    this.#coloursOf = coloursOf;
  }

  /** @param {Uint32Array} pixels @param {number} level @param {PixelBox} box */
  paint(pixels, level, { x0, y0, x1, y1 }) {
    const values = this.#values;
    // With their neighbours; a border is no end of a region.
    const columns = shownPlaces(x0 - 1, x1 + 1, level, this.#width);
    const rows = shownPlaces(y0 - 1, y1 + 1, level, this.#height).map((y) => y * this.#width);
    let painted = false;
    let last = 0;
    /** @type {Colours | undefined} */
    let lastColours;
    for (let y = 1, at = 0; y < rows.length - 1; y++) {
      const [above, row, below] = [rows[y - 1], rows[y], rows[y + 1]];
      for (let x = 1; x < columns.length - 1; x++, at++) {
        const column = columns[x];
        const value = values[row + column];
        if (!value) continue;
        const edge =
          values[row + columns[x - 1]] !== value ||
          values[row + columns[x + 1]] !== value ||
          values[above + column] !== value ||
          values[below + column] !== value;
        const colours = value === last ? lastColours : this.#coloursOf(value);
        [last, lastColours] = [value, colours];
        if (!colours) continue;
        pixels[at] = edge ? colours.outline : colours.fill;
        painted = true;
      }
    }
    return painted;
  }
}

/** The columns or rows of the image that those of a level show; beyond the image its last one. @param {number} from @param {number} to @param {number} level @param {number} side */
function shownPlaces(from, to, level, side) {
  const size = 2 ** level;
  const last = Math.ceil(side / size) - 1;
  return Int32Array.from({ length: to - from }, (_, i) => {
    const place = Math.min(last, Math.max(0, from + i));
    return Math.min(side - 1, place * size + (size >> 1));
  });
}
