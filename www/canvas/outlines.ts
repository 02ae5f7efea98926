// The outline of a mask as lines along the sides of its pixels, so that it can be dashed.

import type { Point } from "../document/geometry.js";
import type { MaskRegion } from "../document/types.js";

/** Closed loops of corners, in pixels of the image; holes have loops of their own. */
export function outlinesOf({ x0, y0, x1, y1, bits }: MaskRegion): Point[][] {
  const [columns, rows] = [x1 - x0, y1 - y0];
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < columns && y < rows && bits[y * columns + x] > 0;
  const stride = columns + 1;
  /** Where the sides end that begin at a corner, with the inside at their right. */
  const ends = new Map<number, number[]>();
  const add = (from: number, to: number) => void ends.set(from, [...(ends.get(from) ?? []), to]);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!inside(x, y)) continue;
      const corner = y * stride + x;
      if (!inside(x, y - 1)) add(corner, corner + 1);
      if (!inside(x + 1, y)) add(corner + 1, corner + 1 + stride);
      if (!inside(x, y + 1)) add(corner + 1 + stride, corner + stride);
      if (!inside(x - 1, y)) add(corner + stride, corner);
    }
  }
  const loops: Point[][] = [];
  for (const [start, left] of ends) {
    while (left.length > 0)
      loops.push(turns(loopFrom(start, ends)).map((at) => ({ x: x0 + (at % stride), y: y0 + Math.floor(at / stride) })));
  }
  return loops;
}

/** Follows sides, which it takes away, until they lead back. */
function loopFrom(start: number, ends: ReadonlyMap<number, number[]>) {
  const loop: number[] = [];
  let at: number | undefined = start;
  do {
    loop.push(at);
    at = ends.get(at)?.pop();
  } while (at !== undefined && at !== start);
  return loop;
}

/** The corners at which a loop turns. */
function turns(loop: readonly number[]) {
  return loop.filter((at, i) => at - (loop.at(i - 1) ?? at) !== loop[(i + 1) % loop.length] - at);
}
