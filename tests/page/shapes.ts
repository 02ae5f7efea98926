// Small planes for the tests.

import assert from "node:assert/strict";

import type { Region } from "../../www/document/regions.js";
import type { MaskRegion } from "../../www/document/types.js";

export const [WIDTH, HEIGHT] = [40, 30];

/** A region drawn with # for its pixels. */
export function region(...rows: string[]): Region {
  const bits = Uint8Array.from(rows.join(""), (sign) => Number(sign === "#"));
  return { x0: 0, y0: 0, width: rows[0].length, height: rows.length, bits };
}

export function drawn({ width, bits }: Region) {
  const signs = Array.from(bits, (bit) => (bit ? "#" : ".")).join("");
  return signs.match(new RegExp(`.{${width}}`, "g"));
}

/** A mask of width * height within the smallest box that holds it. */
export function boxed(plane: Uint8Array, width: number, height: number): MaskRegion {
  const places = [...plane.keys()].filter((i) => plane[i]);
  if (places.length === 0) return { x0: 0, y0: 0, x1: 0, y1: 0, bits: new Uint8Array(0) };
  const [xs, ys] = [places.map((i) => i % width), places.map((i) => Math.floor(i / width))];
  const [x0, y0, x1, y1] = [Math.min(...xs), ys[0], Math.max(...xs) + 1, ys[ys.length - 1] + 1];
  const rows = Array.from({ length: y1 - y0 }, (_, row) => [...plane.subarray((y0 + row) * width + x0, (y0 + row) * width + x1)]);
  assert.ok(y1 <= height);
  return { x0, y0, x1, y1, bits: Uint8Array.from(rows.flat()) };
}

/** A mask as a plane of width * height; without one, none. */
export function planeOf(mask: MaskRegion | undefined, width: number, height: number) {
  if (!mask) return;
  const { x0, y0, x1, y1, bits } = mask;
  assert.equal(bits.length, (x1 - x0) * (y1 - y0), "the box is that of the bits");
  const plane = new Uint8Array(width * height);
  bits.forEach((bit, i) => (plane[(y0 + Math.floor(i / (x1 - x0))) * width + x0 + (i % (x1 - x0))] = bit));
  return plane;
}
