// The image as the engine renders it, level by level.

import { packed } from "./colours.js";

/** @typedef {import("./tiled_layer.js").Painter} Painter */

/** @implements {Painter} */
export class ShownImage {
  #planes;
  #width;
  /** RGBA of each gray; undefined: the planes are RGB. @type {Uint32Array | undefined} */
  #colours;

  /** @param {RenderedImage} rendered @param {number} width */
  constructor({ planes, colours }, width) {
    this.#planes = planes;
    this.#width = width;
    this.#colours = colours && Uint32Array.from({ length: 256 }, (_, i) => packed(colours[3 * i], colours[3 * i + 1], colours[3 * i + 2], 255));
  }

  /** @param {Uint32Array} pixels @param {number} level @param {PixelBox} box */
  paint(pixels, level, { x0, y0, x1, y1 }) {
    const plane = this.#planes[level];
    const colours = this.#colours;
    const stride = Math.ceil(this.#width / 2 ** level);
    for (let y = y0, at = 0; y < y1; y++, at += x1 - x0) {
      const start = y * stride + x0;
      if (!colours) paintColours(pixels.subarray(at, at + x1 - x0), plane, 3 * start);
      else for (let x = 0; x < x1 - x0; x++) pixels[at + x] = colours[plane[start + x]];
    }
  }
}

/** @param {Uint32Array} row @param {Uint8Array} plane RGB @param {number} from its place in the plane */
function paintColours(row, plane, from) {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  for (let to = 0; to < bytes.length; to += 4, from += 3) {
    bytes[to] = plane[from];
    bytes[to + 1] = plane[from + 1];
    bytes[to + 2] = plane[from + 2];
    bytes[to + 3] = 255;
  }
}
