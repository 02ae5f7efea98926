// Numbers as a tinted picture over the image: each region is filled, and outlined where it ends.

import type { PixelBox } from "../document/geometry.js";
import { type Paint, packed } from "./paint.js";
import type { Painter } from "./tiled_layer.js";

/** Numbers in a box of the image, row by row; 0, which is transparent, everywhere else. */
export interface BoxedNumbers extends PixelBox {
  bits: Uint8Array | Uint32Array;
}

/** Pixels from one stripe to the next. */
const STRIPES = 6;

const MASK: Paint = { fill: packed(25, 181, 230, 96), outline: packed(0, 150, 215, 255) };
const PREVIEW: Paint = { fill: packed(25, 181, 230, 48), outline: packed(25, 181, 230, 150) };

/** Of the predicted mask. */
export const maskPaint = () => MASK;
/** Of the mask under the pointer. */
export const previewPaint = () => PREVIEW;

/** Each pixel of a coarse level shows one of the pixels that it stands for. */
export class Overlay implements Painter {
  #numbers;
  #width;
  #height;
  #paintOf;

  /**
   * @param numbers they are not copied
   * @param width of the image
   * @param paintOf undefined: not shown
   */
  constructor(numbers: BoxedNumbers, width: number, height: number, paintOf: (value: number) => Paint | undefined) {
    this.#numbers = numbers;
    this.#width = width;
    this.#height = height;
    this.#paintOf = paintOf;
  }

  get extent(): PixelBox {
    const { x0, y0, x1, y1 } = this.#numbers;
    return { x0, y0, x1, y1 };
  }

  paint(pixels: Uint32Array, level: number, { x0, y0, x1, y1 }: PixelBox) {
    const numbers = this.#numbers;
    const values = numbers.bits;
    // With their neighbours; a region does not end at the image's border.
    const columns = sampledPlaces(x0 - 1, x1 + 1, level, this.#width, numbers.x0, numbers.x1);
    const rows = sampledPlaces(y0 - 1, y1 + 1, level, this.#height, numbers.y0, numbers.y1);
    const stride = numbers.x1 - numbers.x0;
    /** Whether the pixel has this value. */
    const has = (row: number, column: number, value: number) => row >= 0 && column >= 0 && values[row * stride + column] === value;
    let painted = false;
    let last = 0;
    let lastPaint: Paint | undefined;
    for (let y = 1, at = 0; y < rows.length - 1; y++) {
      const [above, row, below] = [rows[y - 1], rows[y], rows[y + 1]];
      if (row < 0) {
        at += columns.length - 2;
        continue;
      }
      for (let x = 1; x < columns.length - 1; x++, at++) {
        const column = columns[x];
        const value = column < 0 ? 0 : values[row * stride + column];
        if (!value) continue;
        const [left, right] = [columns[x - 1], columns[x + 1]];
        const inner = has(row, left, value) && has(row, right, value) && has(above, column, value) && has(below, column, value);
        const paint = value === last ? lastPaint : this.#paintOf(value);
        [last, lastPaint] = [value, paint];
        if (!paint) continue;
        pixels[at] = inner && !(paint.striped && isStripe(x0 + x, y0 + y)) ? paint.fill : paint.outline;
        painted = true;
      }
    }
    return painted;
  }
}

/** Stripes from the lower left to the upper right, one pixel of a level wide. */
function isStripe(x: number, y: number) {
  return (x + y) % STRIPES === 0;
}

/**
 * The image's columns, or rows, that those of a level show, counted from the first one of a box; -1 outside of it.
 * Beyond the image it is the image's outermost one.
 * @param side of the image
 * @param first of the box
 * @param end of the box
 */
function sampledPlaces(from: number, to: number, level: number, side: number, first: number, end: number) {
  const size = 2 ** level;
  const last = Math.ceil(side / size) - 1;
  return Int32Array.from({ length: to - from }, (_, i) => {
    const place = Math.min(last, Math.max(0, from + i));
    const sampled = Math.min(side - 1, place * size + (size >> 1));
    return sampled >= first && sampled < end ? sampled - first : -1;
  });
}
