// The image as the engine renders it: in tiles, and its visible part once more while its display changes.

import type { PixelBox } from "../document/geometry.js";
import type { ImagePart, RenderedImage } from "../document/rendering.js";
import { packed } from "./paint.js";
import { type Allowance, levelAt, type Painter, TiledLayer, type View, visibleRange } from "./tiled_layer.js";

/** Pixels up to which an image is rendered whole while its display changes. */
const WHOLE = 8_000_000;

class RenderedPainter implements Painter {
  #planes;
  #width;
  /** RGBA of each gray; undefined: the planes are RGB. */
  #colours: Uint32Array | undefined;

  constructor({ planes, colours }: RenderedImage, width: number) {
    this.#planes = planes;
    this.#width = width;
    this.#colours =
      colours &&
      Uint32Array.from({ length: 256 }, (_, gray) => packed(colours[3 * gray], colours[3 * gray + 1], colours[3 * gray + 2], 255));
  }

  paint(pixels: Uint32Array, level: number, { x0, y0, x1, y1 }: PixelBox) {
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

/** @param plane RGB @param from the row's place in the plane */
function paintColours(row: Uint32Array, plane: Uint8Array, from: number) {
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
  #tiles: TiledLayer | undefined;
  /** The visible part in another display. */
  #changing: { canvas: OffscreenCanvas; part: ImagePart } | undefined;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  setPixels(rendered: RenderedImage) {
    this.#changing = undefined;
    const painter = new RenderedPainter(rendered, this.#width);
    if (this.#tiles) this.#tiles.replace(painter);
    else this.#tiles = new TiledLayer(this.#width, this.#height, painter);
  }

  /** What to render while the display changes; undefined: the image is small, or out of view. */
  partIn({ scale, x, y, width, height }: View): ImagePart | undefined {
    if (this.#width * this.#height <= WHOLE) return;
    const step = 2 ** levelAt(scale);
    const [x0, x1] = visibleRange(step, scale, x, width, this.#width);
    const [y0, y1] = visibleRange(step, scale, y, height, this.#height);
    if (x0 < x1 && y0 < y1) return { step, box: { x0, y0, x1, y1 } };
    return undefined;
  }

  /** Shows a part in another display until all pixels are set. @param rendered one plane, the part's */
  setPart(rendered: RenderedImage, part: ImagePart) {
    const [width, height] = [part.box.x1 - part.box.x0, part.box.y1 - part.box.y0];
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    new RenderedPainter(rendered, width).paint(pixels, 0, { x0: 0, y0: 0, x1: width, y1: height });
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d")?.putImageData(image, 0, 0);
    this.#changing = { canvas, part };
  }

  /** As TiledLayer's. */
  draw(context: CanvasRenderingContext2D, view: View, allowance: Allowance) {
    const complete = this.#tiles?.draw(context, view, allowance) ?? true;
    if (!this.#changing) return complete;
    const { canvas, part } = this.#changing;
    const pixel = part.step * view.scale;
    const [left, top] = [view.x + part.box.x0 * pixel, view.y + part.box.y0 * pixel];
    context.drawImage(canvas, left, top, canvas.width * pixel, canvas.height * pixel);
    return complete;
  }
}
