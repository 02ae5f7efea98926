// The image as the engine renders it: in tiles, and what is visible of it again while its display changes.

import { packed } from "./colours.js";
import { levelAt, TiledLayer, visibleRange } from "./tiled_layer.js";

/** @typedef {import("./tiled_layer.js").Painter} Painter */
/** @typedef {import("./tiled_layer.js").View} View */

/** Pixels of an image that is rendered as a whole while its display changes. */
const WHOLE = 8_000_000;

/** @implements {Painter} */
class RenderedPainter {
  #planes;
  #width;
  /** RGBA of each gray; undefined: the planes are RGB. @type {Uint32Array | undefined} */
  #colours;

  /** @param {RenderedImage} rendered @param {number} width */
  constructor({ planes, colours }, width) {
    this.#planes = planes;
    this.#width = width;
    this.#colours =
      colours && Uint32Array.from({ length: 256 }, (_, gray) => packed(colours[3 * gray], colours[3 * gray + 1], colours[3 * gray + 2], 255));
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
    return true;
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

export class ImageLayer {
  #width;
  #height;
  /** @type {TiledLayer | undefined} */
  #tiles;
  /** What is visible in another display. @type {{canvas: OffscreenCanvas, part: ImagePart} | undefined} */
  #changing;

  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.#width = width;
    this.#height = height;
  }

  /** @param {RenderedImage} rendered */
  setPixels(rendered) {
    this.#changing = undefined;
    const painter = new RenderedPainter(rendered, this.#width);
    if (this.#tiles) this.#tiles.replace(painter);
    else this.#tiles = new TiledLayer(this.#width, this.#height, painter);
  }

  /** What is enough to be rendered while the display changes. @param {View} view @returns {ImagePart | undefined} undefined: the image is small, or out of view */
  partIn({ scale, x, y, width, height }) {
    if (this.#width * this.#height <= WHOLE) return;
    const step = 2 ** levelAt(scale);
    const [x0, x1] = visibleRange(step, scale, x, width, this.#width);
    const [y0, y1] = visibleRange(step, scale, y, height, this.#height);
    if (x0 < x1 && y0 < y1) return { step, box: { x0, y0, x1, y1 } };
  }

  /** Shows a part in another display until all pixels are set. @param {RenderedImage} rendered @param {ImagePart} part */
  setPart(rendered, part) {
    const [width, height] = [part.box.x1 - part.box.x0, part.box.y1 - part.box.y0];
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    new RenderedPainter(rendered, width).paint(pixels, 0, { x0: 0, y0: 0, x1: width, y1: height });
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.putImageData(image, 0, 0);
    this.#changing = { canvas, part };
  }

  /** As TiledLayer's. @param {CanvasRenderingContext2D} context @param {View} view @param {import("./tiled_layer.js").Allowance} allowance */
  draw(context, view, allowance) {
    const complete = this.#tiles?.draw(context, view, allowance) ?? true;
    if (!this.#changing) return complete;
    const { canvas, part } = this.#changing;
    const pixel = part.step * view.scale;
    const [left, top] = [view.x + part.box.x0 * pixel, view.y + part.box.y0 * pixel];
    context.drawImage(canvas, left, top, canvas.width * pixel, canvas.height * pixel);
    return complete;
  }
}
