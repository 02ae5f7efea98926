// A plane of numbers as a tinted picture over the image: each region is filled, and outlined where it ends.

import type { PixelBox } from "../document/geometry.js";
import { type Paint, packed } from "./paint.js";
import type { Painter } from "./tiled_layer.js";

const MASK: Paint = { fill: packed(25, 181, 230, 96), outline: packed(0, 150, 215, 255) };
const PREVIEW: Paint = { fill: packed(25, 181, 230, 48), outline: packed(25, 181, 230, 150) };

/** Of the predicted mask. */
export const maskPaint = () => MASK;
/** Of the mask under the pointer. */
export const previewPaint = () => PREVIEW;

/** Each pixel of a coarse level shows one of the pixels that it stands for. */
export class Overlay implements Painter {
  #values;
  #width;
  #height;
  #paintOf;

  /**
   * @param values width * height, 0 is transparent; they are not copied
   * @param paintOf undefined: not shown
   */
  constructor(values: Uint8Array | Uint32Array, width: number, height: number, paintOf: (value: number) => Paint | undefined) {
    this.#values = values;
    this.#width = width;
    this.#height = height;
    this.#paintOf = paintOf;
  }

  paint(pixels: Uint32Array, level: number, { x0, y0, x1, y1 }: PixelBox) {
    const values = this.#values;
    // With their neighbours; a region does not end at the image's border.
    const columns = sampledPlaces(x0 - 1, x1 + 1, level, this.#width);
    const rows = sampledPlaces(y0 - 1, y1 + 1, level, this.#height).map((y) => y * this.#width);
    let painted = false;
    let last = 0;
    let lastPaint: Paint | undefined;
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
        const paint = value === last ? lastPaint : this.#paintOf(value);
        [last, lastPaint] = [value, paint];
        if (!paint) continue;
        pixels[at] = edge ? paint.outline : paint.fill;
        painted = true;
      }
    }
    return painted;
  }
}

/** The image's columns, or rows, that those of a level show; beyond the image its outermost one. @param side of the image */
function sampledPlaces(from: number, to: number, level: number, side: number) {
  const size = 2 ** level;
  const last = Math.ceil(side / size) - 1;
  return Int32Array.from({ length: to - from }, (_, i) => {
    const place = Math.min(last, Math.max(0, from + i));
    return Math.min(side - 1, place * size + (size >> 1));
  });
}
