// A plane of numbers as a tinted picture over the image: each region is filled, and outlined where it ends.

import { packed } from "./colours.js";

/** Rows that are painted at once, so that a large image needs no second one in memory. */
const BAND = 256;

/** @typedef {import("./colours.js").Colours} Colours */

/** @type {Colours} */
const MASK = { fill: packed(25, 181, 230, 96), outline: packed(0, 150, 215, 255) };

/** Of the predicted mask. */
export const maskColours = () => MASK;

/** @type {Colours} */
const PREVIEW = { fill: packed(25, 181, 230, 48), outline: packed(25, 181, 230, 150) };

/** Of the mask under the pointer. */
export const previewColours = () => PREVIEW;

export class Overlay {
  canvas = document.createElement("canvas");
  #context;
  #values;
  #coloursOf;

  /**
   * @param {Uint8Array | Uint32Array} values width * height, 0 is transparent; they are not copied
   * @param {number} width @param {number} height
   * @param {(value: number) => Colours | undefined} coloursOf undefined: not shown
   */
  constructor(values, width, height, coloursOf) {
    this.#values = values;
    this.#coloursOf = coloursOf;
    this.canvas.width = width;
    this.canvas.height = height;
    this.#context = this.canvas.getContext("2d");
    this.paint({ x0: 0, y0: 0, x1: width, y1: height });
  }

  /** Shows other values of the same size. @param {Uint8Array | Uint32Array} values */
  replace(values) {
    this.#values = values;
    this.paint({ x0: 0, y0: 0, x1: this.canvas.width, y1: this.canvas.height });
  }

  /** Paints again what changed and the pixels around it, whose outlines depend on it. @param {PixelBox} box */
  paint({ x0, y0, x1, y1 }) {
    const { width, height } = this.canvas;
    const [left, right] = [Math.max(0, x0 - 1), Math.min(width, x1 + 1)];
    const [top, bottom] = [Math.max(0, y0 - 1), Math.min(height, y1 + 1)];
    for (let y = top; y < bottom; y += BAND) this.#paintBand(left, y, right, Math.min(bottom, y + BAND));
  }

  /** @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
  #paintBand(x0, y0, x1, y1) {
    const { width, height } = this.canvas;
    const values = this.#values;
    const image = new ImageData(x1 - x0, y1 - y0);
    const pixels = new Uint32Array(image.data.buffer);
    let last = 0;
    /** @type {Colours | undefined} */
    let lastColours;
    for (let y = y0, at = 0; y < y1; y++) {
      for (let x = x0; x < x1; x++, at++) {
        const i = y * width + x;
        const value = values[i];
        if (!value) continue;
        const edge =
          (x > 0 && values[i - 1] !== value) ||
          (x + 1 < width && values[i + 1] !== value) ||
          (y > 0 && values[i - width] !== value) ||
          (y + 1 < height && values[i + width] !== value);
        const colours = value === last ? lastColours : this.#coloursOf(value);
        [last, lastColours] = [value, colours];
        if (!colours) continue;
        pixels[at] = edge ? colours.outline : colours.fill;
      }
    }
    this.#context?.putImageData(image, x0, y0);
  }
}
