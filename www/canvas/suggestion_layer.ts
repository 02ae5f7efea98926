// Suggestions over the image: dashed outlines in tiles, as there may be thousands, and over them the chosen one.

import { intersection, type PixelBox, union } from "../document/geometry.js";
import { maskOf, type Suggestion } from "../document/suggestion.js";
import type { Marks } from "./marks.js";
import { outlinesOf } from "./outlines.js";
import { packed } from "./paint.js";
import { type Allowance, type Painter, TiledLayer, type View } from "./tiled_layer.js";

/** Where the objects that were learned from have no class. */
const COLOUR = "#ff6ad5";
const CHOSEN = "rgb(255 255 255 / 0.25)";
/** Between two dashes, so that the outline can be seen on bright and on dark. */
const GAP = packed(0, 0, 0, 150);
/** Changes up to which only their places are painted again. */
const FEW = 64;

/** A pixel's place in the pattern of dashes, which goes on along slopes of either kind too. */
function isDash(x: number, y: number) {
  return (x + 2 * y) % 5 < 3;
}

/** Each pixel of a coarse level shows one of the pixels that it stands for. */
export class SuggestionOverlay implements Painter {
  readonly extent: PixelBox;
  #shown;
  #dash;

  /** @param colour #rrggbb */
  constructor(shown: readonly Suggestion[], colour: string) {
    this.#shown = shown;
    const none: PixelBox = { x0: 0, y0: 0, x1: 0, y1: 0 };
    this.extent = shown.reduce((box: PixelBox | undefined, one) => union(one, box), undefined) ?? none;
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    this.#dash = packed(red, green, blue, 255);
  }

  paint(pixels: Uint32Array, level: number, box: PixelBox) {
    const size = 2 ** level;
    let painted = false;
    for (const suggestion of this.#shown) {
      const { x0, y0, x1, y1 } = suggestion;
      const own = { x0: Math.floor(x0 / size), y0: Math.floor(y0 / size), x1: Math.ceil(x1 / size), y1: Math.ceil(y1 / size) };
      const part = intersection(own, box);
      if (part && this.#paintOne(pixels, size, box, part, suggestion)) painted = true;
    }
    return painted;
  }

  /** @param part of the box in which the suggestion lies */
  #paintOne(pixels: Uint32Array, size: number, box: PixelBox, part: PixelBox, suggestion: Suggestion) {
    const { x0, y0, x1, y1, bits } = maskOf(suggestion);
    const half = size >> 1;
    const inside = (x: number, y: number) => {
      const [column, row] = [x * size + half, y * size + half];
      return column >= x0 && column < x1 && row >= y0 && row < y1 && bits[(row - y0) * (x1 - x0) + column - x0] > 0;
    };
    let painted = false;
    for (let y = part.y0; y < part.y1; y++) {
      for (let x = part.x0; x < part.x1; x++) {
        if (!inside(x, y) || (inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1))) continue;
        pixels[(y - box.y0) * (box.x1 - box.x0) + x - box.x0] = isDash(x, y) ? this.#dash : GAP;
        painted = true;
      }
    }
    return painted;
  }
}

export class SuggestionLayer {
  #layer: TiledLayer | undefined;
  #shown: readonly Suggestion[] = [];
  #colour = COLOUR;
  /** The chosen one's outline, in pixels of the image. */
  #chosen: Path2D | undefined;

  /** Another image is shown, whose suggestions may have been set already. */
  resize(width: number, height: number) {
    this.#layer = new TiledLayer(width, height, new SuggestionOverlay(this.#shown, this.#colour));
  }

  /** @param colour #rrggbb; undefined: one of their own */
  set(shown: readonly Suggestion[], chosen: Suggestion | undefined, colour: string = COLOUR) {
    this.#chosen = chosen && pathOf(chosen);
    const painter = new SuggestionOverlay(shown, colour);
    const [before, after] = [new Set(this.#shown), new Set(shown)];
    const changed = [...this.#shown.filter((one) => !after.has(one)), ...shown.filter((one) => !before.has(one))];
    if (colour !== this.#colour || changed.length > FEW) this.#layer?.replace(painter);
    else for (const suggestion of changed) this.#layer?.change(painter, suggestion);
    [this.#shown, this.#colour] = [shown, colour];
  }

  /** @returns whether all of it is up to date */
  draw(context: CanvasRenderingContext2D, view: View, allowance: Allowance) {
    return this.#layer?.draw(context, view, allowance) ?? true;
  }

  /** Draws what lies over all else. */
  mark(marks: Marks) {
    if (!this.#chosen) return;
    const path = new Path2D();
    path.addPath(this.#chosen, new DOMMatrix([marks.scale, 0, 0, marks.scale, 0, 0]));
    marks.outline(path, this.#colour, 3, CHOSEN);
  }
}

function pathOf(suggestion: Suggestion) {
  const path = new Path2D();
  for (const loop of outlinesOf(maskOf(suggestion))) {
    for (const [i, { x, y }] of loop.entries()) path[i === 0 ? "moveTo" : "lineTo"](x, y);
    path.closePath();
  }
  return path;
}
