// A picture of any size in tiles. Only what is visible is painted, as finely as it is seen, a few tiles a frame;
// until then a coarser level stands in.

import { intersection, type PixelBox, union } from "../document/geometry.js";
import { TILE } from "../document/rendering.js";

/** Bytes of tiles that are kept, unless those on screen take more. */
const CACHE_BYTES = 32 << 20;

/** Where the image lies on the canvas, in pixels of the canvas. */
export interface View {
  /** Of one image pixel. */
  scale: number;
  /** The image's origin. */
  x: number;
  y: number;
  /** The canvas's size. */
  width: number;
  height: number;
}

/** Knows the pixels of every level: level l has one for each square of 2^l × 2^l pixels of the image. */
export interface Painter {
  /** Where there is anything to be painted, in image pixels; undefined: anywhere. */
  readonly extent?: PixelBox;
  /**
   * Fills the level's box, row by row, with RGBA as it lies in memory.
   * @param pixels transparent at first
   * @returns false if they still are
   */
  paint(pixels: Uint32Array, level: number, box: PixelBox): boolean;
}

interface Tile {
  level: number;
  /** In pixels of the level: its own and one around them. */
  box: PixelBox;
  /** What of it is to be painted. */
  stale: PixelBox | undefined;
  /** Undefined: it is transparent. */
  context: OffscreenCanvasRenderingContext2D | undefined;
}

/** The painting that a frame has time for: one tile at least, so that every frame makes progress. */
export class Allowance {
  /** Tiles that were painted. */
  painted = 0;
  #end;

  constructor(milliseconds: number) {
    this.#end = performance.now() + milliseconds;
  }

  get left() {
    return this.painted === 0 || performance.now() < this.#end;
  }
}

/** The level that a zoom needs: fewer than two of its pixels fall on one of the canvas. @param scale of a View */
export function levelAt(scale: number) {
  return Math.max(0, Math.floor(-Math.log2(scale)));
}

/**
 * The columns, or the rows, of squares of the image that are visible, from the first to just behind the last.
 * @param size of a square in image pixels
 */
export function visibleRange(size: number, scale: number, origin: number, canvas: number, image: number) {
  return [Math.max(0, Math.floor(-origin / scale / size)), Math.min(Math.ceil(image / size), Math.ceil((canvas - origin) / scale / size))];
}

export class TiledLayer {
  #width;
  #height;
  #painter;
  /** The level that fits into one tile. */
  #coarsest;
  /** By place, the least recently used first. */
  #tiles = new Map<string, Tile>();

  /** @param width of the image */
  constructor(width: number, height: number, painter: Painter) {
    this.#width = width;
    this.#height = height;
    this.#painter = painter;
    this.#coarsest = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / TILE)));
  }

  /** Shows another picture of the same size. */
  replace(painter: Painter) {
    const whole = { x0: 0, y0: 0, x1: this.#width, y1: this.#height };
    this.invalidate(this.#painter.extent ?? whole);
    this.#painter = painter;
    this.invalidate(painter.extent ?? whole);
  }

  /** Shows another picture that differs from the one before only in a box of the image. */
  change(painter: Painter, box: PixelBox) {
    this.#painter = painter;
    this.invalidate(box);
  }

  /** Has a box of the image painted again, and the pixels around it, whose outlines depend on it. */
  invalidate({ x0, y0, x1, y1 }: PixelBox) {
    for (const tile of this.#tiles.values()) {
      const size = 2 ** tile.level;
      const changed = {
        x0: Math.floor(x0 / size) - 1,
        y0: Math.floor(y0 / size) - 1,
        x1: Math.ceil(x1 / size) + 1,
        y1: Math.ceil(y1 / size) + 1,
      };
      tile.stale = union(tile.stale, intersection(tile.box, changed));
    }
  }

  /**
   * Draws what is visible of the picture.
   * @param context without a transformation
   * @returns whether all of it is up to date; otherwise another frame goes on
   */
  draw(context: CanvasRenderingContext2D, view: View, allowance: Allowance): boolean {
    const level = Math.min(this.#coarsest, levelAt(view.scale));
    const size = TILE * 2 ** level;
    const [left, right] = visibleRange(size, view.scale, view.x, view.width, this.#width);
    const [top, bottom] = visibleRange(size, view.scale, view.y, view.height, this.#height);
    const used = new Set<Tile>();
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
    this.#evict(used.size);
    return complete;
  }

  /** A tile, painted if there is time for it. */
  #painted(level: number, x: number, y: number, allowance: Allowance): Tile | undefined {
    const key = `${level}/${x}/${y}`;
    let tile = this.#tiles.get(key);
    if ((!tile || tile.stale) && allowance.left) {
      tile ??= this.#blank(level, x, y);
      this.#paint(tile);
      allowance.painted += 1;
    }
    if (tile) this.#use(key, tile);
    return tile;
  }

  /** What stands in for a tile: the finest one above it that is up to date. */
  #coarser(level: number, x: number, y: number, allowance: Allowance): Tile {
    for (let above = level + 1; above < this.#coarsest; above++) {
      const tile = this.#tiles.get(`${above}/${x >> (above - level)}/${y >> (above - level)}`);
      if (tile && !tile.stale) return tile;
    }
    const key = `${this.#coarsest}/0/0`;
    const tile = this.#tiles.get(key) ?? this.#blank(this.#coarsest, 0, 0);
    this.#paint(tile);
    allowance.painted += 1;
    this.#use(key, tile);
    return tile;
  }

  /** Makes a tile the most recently used one. */
  #use(key: string, tile: Tile) {
    this.#tiles.delete(key);
    this.#tiles.set(key, tile);
  }

  #blank(level: number, x: number, y: number): Tile {
    const range = (place: number, image: number) => [
      Math.max(0, place * TILE - 1),
      Math.min(Math.ceil(image / 2 ** level), (place + 1) * TILE + 1),
    ];
    const [[x0, x1], [y0, y1]] = [range(x, this.#width), range(y, this.#height)];
    const box = { x0, y0, x1, y1 };
    return { level, box, stale: box, context: undefined };
  }

  #paint(tile: Tile) {
    const { level, box, stale } = tile;
    if (!stale) return;
    tile.stale = undefined;
    if (!tile.context && !this.#reaches(level, stale)) return;
    const image = new ImageData(stale.x1 - stale.x0, stale.y1 - stale.y0);
    const pixels = new Uint32Array(image.data.buffer);
    if (!this.#painter.paint(pixels, level, stale) && !tile.context) return;
    tile.context ??= new OffscreenCanvas(box.x1 - box.x0, box.y1 - box.y0).getContext("2d") ?? undefined;
    tile.context?.putImageData(image, stale.x0 - box.x0, stale.y0 - box.y0);
  }

  /** Whether there may be anything to be painted in a box of a level. */
  #reaches(level: number, { x0, y0, x1, y1 }: PixelBox) {
    const { extent } = this.#painter;
    const size = 2 ** level;
    return !extent || intersection(extent, { x0: x0 * size, y0: y0 * size, x1: x1 * size, y1: y1 * size }) !== undefined;
  }

  /** Draws a box of the image from a tile that has it. */
  #blit(context: CanvasRenderingContext2D, view: View, { level, box, context: painted }: Tile, { x0, y0, x1, y1 }: PixelBox) {
    if (!painted) return;
    // Tiles meet between two pixels of the canvas: one that both covered in part would show a seam.
    const edge = (at: number, origin: number, image: number) => {
      const exact = origin + Math.min(at, image) * view.scale;
      return at === 0 || at >= image ? exact : Math.round(exact);
    };
    const [left, right] = [x0, x1].map((x) => edge(x, view.x, this.#width));
    const [top, bottom] = [y0, y1].map((y) => edge(y, view.y, this.#height));
    const scale = view.scale * 2 ** level;
    const [fromX, fromY] = [(left - view.x) / scale - box.x0, (top - view.y) / scale - box.y0];
    const [width, height] = [right - left, bottom - top];
    context.drawImage(painted.canvas, fromX, fromY, width / scale, height / scale, left, top, width, height);
  }

  /** Drops the least recently used tiles. @param used how many were used last, and stay */
  #evict(used: number) {
    const bytes = ({ context }: Tile) => (context ? context.canvas.width * context.canvas.height * 4 : 0);
    let kept = 0;
    for (const tile of this.#tiles.values()) kept += bytes(tile);
    for (const [key, tile] of this.#tiles) {
      if (kept <= CACHE_BYTES || this.#tiles.size <= used) return;
      this.#tiles.delete(key);
      kept -= bytes(tile);
    }
  }
}
