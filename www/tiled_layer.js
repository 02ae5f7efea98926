// A picture of any size in tiles. Only what is visible is painted, as finely as it is seen, a few tiles a frame;
// until then a coarser level stands in.

import { union } from "./raster.js";

/** Pixels of a tile's side. */
export const TILE = 512;
/** Bytes of tiles that are kept, if those on screen are not more. */
const KEPT = 32 << 20;

/**
 * Where the image lies on the canvas, in pixels of the canvas.
 * @typedef {object} View
 * @property {number} scale of one image pixel
 * @property {number} x @property {number} y of the image's origin
 * @property {number} width @property {number} height of the canvas
 */

/**
 * What knows the pixels of every level: level l has one for each square of 2^l × 2^l pixels of the image.
 * @typedef {object} Painter
 * @property {(pixels: Uint32Array, level: number, box: PixelBox) => boolean} paint fills the level's box, row by row, with
 *   RGBA as it lies in memory; it is transparent before, and stays so where the answer is false
 */

/**
 * @typedef {object} Tile
 * @property {number} level
 * @property {PixelBox} box in pixels of the level: its own and one around them
 * @property {PixelBox | undefined} stale what of it is to be painted
 * @property {OffscreenCanvasRenderingContext2D | undefined} context undefined: nothing is there
 */

/** The painting that a frame has time for: one tile always, so that every frame gets further. */
export class Allowance {
  /** Tiles that were painted. */
  painted = 0;
  #end;

  /** @param {number} milliseconds */
  constructor(milliseconds) {
    this.#end = performance.now() + milliseconds;
  }

  get left() {
    return this.painted === 0 || performance.now() < this.#end;
  }
}

/** @param {PixelBox} a @param {PixelBox} b @returns {PixelBox | undefined} */
function common(a, b) {
  const [x0, y0] = [Math.max(a.x0, b.x0), Math.max(a.y0, b.y0)];
  const [x1, y1] = [Math.min(a.x1, b.x1), Math.min(a.y1, b.y1)];
  return x0 < x1 && y0 < y1 ? { x0, y0, x1, y1 } : undefined;
}

/** The level that a zoom needs: no more of its pixels than two fall on one of the canvas. @param {number} scale of a View */
export function levelAt(scale) {
  return Math.max(0, Math.floor(-Math.log2(scale)));
}

/**
 * The columns, or the rows, of squares of the image that are visible, from the first to just behind the last.
 * @param {number} size of a square in image pixels @param {number} scale
 * @param {number} origin @param {number} canvas @param {number} image
 */
export function visibleRange(size, scale, origin, canvas, image) {
  return [
    Math.max(0, Math.floor(-origin / scale / size)),
    Math.min(Math.ceil(image / size), Math.ceil((canvas - origin) / scale / size)),
  ];
}

export class TiledLayer {
  #width;
  #height;
  #painter;
  /** The level that fits into one tile. */
  #coarsest;
  /** By their place, from the one that was used longest ago. @type {Map<string, Tile>} */
  #tiles = new Map();

  /** @param {number} width @param {number} height of the image @param {Painter} painter */
  constructor(width, height, painter) {
    this.#width = width;
    this.#height = height;
    this.#painter = painter;
    this.#coarsest = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / TILE)));
  }

  /** Shows another picture of the same size. @param {Painter} painter */
  replace(painter) {
    this.#painter = painter;
    this.invalidate({ x0: 0, y0: 0, x1: this.#width, y1: this.#height });
  }

  /** Has a box of the image painted again, and the pixels around it, whose outlines depend on it. @param {PixelBox} box */
  invalidate({ x0, y0, x1, y1 }) {
    for (const tile of this.#tiles.values()) {
      const size = 2 ** tile.level;
      const changed = {
        x0: Math.floor(x0 / size) - 1,
        y0: Math.floor(y0 / size) - 1,
        x1: Math.ceil(x1 / size) + 1,
        y1: Math.ceil(y1 / size) + 1,
      };
      tile.stale = union(tile.stale, common(tile.box, changed));
    }
  }

  /**
   * Draws what is visible of the picture.
   * @param {CanvasRenderingContext2D} context without a transformation
   * @param {View} view @param {Allowance} allowance
   * @returns {boolean} whether all of it is as it should be; otherwise another frame goes on
   */
  draw(context, view, allowance) {
    const level = Math.min(this.#coarsest, levelAt(view.scale));
    const size = TILE * 2 ** level;
    const [left, right] = visibleRange(size, view.scale, view.x, view.width, this.#width);
    const [top, bottom] = visibleRange(size, view.scale, view.y, view.height, this.#height);
    /** @type {Set<Tile>} */
    const used = new Set();
    let complete = true;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const tile = this.#painted(level, x, y, allowance);
        complete &&= tile !== undefined && !tile.stale;
        const shown = tile ?? this.#coarser(level, x, y, allowance);
        used.add(shown);
        this.#blit(context, view, shown, { x0: x * size, y0: y * size, x1: (x + 1) * size, y1: (y + 1) * size });
      }
    }
    this.#forget(used.size);
    return complete;
  }

  /** A tile, painted as far as there is time for it. @param {number} level @param {number} x @param {number} y @param {Allowance} [allowance] */
  #painted(level, x, y, allowance) {
    const key = `${level}/${x}/${y}`;
    let tile = this.#tiles.get(key);
    if ((!tile || tile.stale) && (!allowance || allowance.left)) {
      tile ??= this.#blank(level, x, y);
      this.#paint(tile);
      if (allowance) allowance.painted += 1;
    }
    if (!tile) return;
    this.#tiles.delete(key);
    this.#tiles.set(key, tile);
    return tile;
  }

  /** What stands in for a tile: the finest above it that is painted. @param {number} level @param {number} x @param {number} y @param {Allowance} allowance */
  #coarser(level, x, y, allowance) {
    for (let above = level + 1; above < this.#coarsest; above++) {
      const tile = this.#tiles.get(`${above}/${x >> (above - level)}/${y >> (above - level)}`);
      if (tile && !tile.stale) return tile;
    }
    allowance.painted += 1;
    return /** @type {Tile} */ (this.#painted(this.#coarsest, 0, 0));
  }

  /** @param {number} level @param {number} x @param {number} y @returns {Tile} */
  #blank(level, x, y) {
    const range = (/** @type {number} */ place, /** @type {number} */ image) => [
      Math.max(0, place * TILE - 1),
      Math.min(Math.ceil(image / 2 ** level), (place + 1) * TILE + 1),
    ];
    const [[x0, x1], [y0, y1]] = [range(x, this.#width), range(y, this.#height)];
    const box = { x0, y0, x1, y1 };
    return { level, box, stale: box, context: undefined };
  }

  /** @param {Tile} tile */
  #paint(tile) {
    const { level, box, stale } = tile;
    if (!stale) return;
    tile.stale = undefined;
    const image = new ImageData(stale.x1 - stale.x0, stale.y1 - stale.y0);
    const pixels = new Uint32Array(image.data.buffer);
    if (!this.#painter.paint(pixels, level, stale) && !tile.context) return;
    tile.context ??= new OffscreenCanvas(box.x1 - box.x0, box.y1 - box.y0).getContext("2d") ?? undefined;
    tile.context?.putImageData(image, stale.x0 - box.x0, stale.y0 - box.y0);
  }

  /**
   * Draws a box of the image from a tile that has it.
   * @param {CanvasRenderingContext2D} context @param {View} view @param {Tile} tile @param {PixelBox} box
   */
  #blit(context, view, { level, box, context: painted }, { x0, y0, x1, y1 }) {
    if (!painted) return;
    // Two tiles meet between two pixels of the canvas, as one that both cover in part would show a seam.
    const edge = (/** @type {number} */ at, /** @type {number} */ origin, /** @type {number} */ image) => {
      const exact = origin + Math.min(at, image) * view.scale;
      return at === 0 || at >= image ? exact : Math.round(exact);
    };
    const [left, right] = [x0, x1].map((x) => edge(x, view.x, this.#width));
    const [top, bottom] = [y0, y1].map((y) => edge(y, view.y, this.#height));
    const scale = view.scale * 2 ** level;
    const from = /** @type {const} */ ([(left - view.x) / scale - box.x0, (top - view.y) / scale - box.y0]);
    const [width, height] = [right - left, bottom - top];
    context.drawImage(painted.canvas, ...from, width / scale, height / scale, left, top, width, height);
  }

  /** Drops tiles that were used longest ago. @param {number} used how many were used last, and stay */
  #forget(used) {
    const bytes = (/** @type {Tile} */ { context }) => (context ? context.canvas.width * context.canvas.height * 4 : 0);
    let kept = 0;
    for (const tile of this.#tiles.values()) kept += bytes(tile);
    for (const [key, tile] of this.#tiles) {
      if (kept <= KEPT || this.#tiles.size <= used) return;
      this.#tiles.delete(key);
      kept -= bytes(tile);
    }
  }
}
