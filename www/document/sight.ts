// What of the open image is in view, and which level of its pyramid that is.

import { batch, signal } from "../vendor/signals-core.js";
import { type PixelBox, sameBox } from "./geometry.js";

/** The side of the model's input, and of the largest image that it always sees whole, in pixels. */
const WHOLE = 1024;
/** The side of the finest level's squares, in image pixels. */
const FINEST = 256;
/** How far, in powers of two, the visible part may be from the present level before another one is taken. */
const PATIENCE = 0.75;

/**
 * The side of the squares of the level that is looked at, in image pixels; 0: the whole image.
 * @param longest the image's longest side
 * @param extent the longer side of its visible part
 * @param present the side that it is now
 */
export function levelSide(longest: number, extent: number, present: number): number {
  if (longest <= WHOLE || extent >= longest) return 0;
  const sides = [];
  for (let side = FINEST; side < longest; side *= 2) sides.push(side);
  const distance = (side: number) => Math.abs(Math.log2(extent) - Math.log2(side || longest));
  if ((present === 0 || sides.includes(present)) && distance(present) <= PATIENCE) return present;
  return [...sides, 0].reduce((best, side) => (distance(side) < distance(best) ? side : best));
}

export class Sight {
  /** The visible part of the open image in its pixels; undefined: none is open, or shown. */
  readonly box = signal<PixelBox | undefined>(undefined);
  /** The side of the level that is looked at, see `levelSide`. */
  readonly side = signal(0);

  /** Another part is in view. @param longest the image's longest side */
  look(box: PixelBox | undefined, longest: number) {
    batch(() => {
      if (!sameBox(box, this.box.peek())) this.box.value = box;
      this.side.value = box ? levelSide(longest, Math.max(box.x1 - box.x0, box.y1 - box.y0), this.side.peek()) : 0;
    });
  }
}
