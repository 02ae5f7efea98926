import assert from "node:assert/strict";
import { test } from "node:test";

import { outlinesOf } from "../../www/canvas/outlines.js";
import { fillPolygon } from "../../www/document/regions.js";
import type { MaskRegion } from "../../www/document/types.js";
import { Random } from "./random.js";

const SIDE = 12;

function maskOf(rows: string[], x0 = 0, y0 = 0): MaskRegion {
  const bits = Uint8Array.from(rows.join(""), (sign) => (sign === "#" ? 255 : 0));
  return { x0, y0, x1: x0 + rows[0].length, y1: y0 + rows.length, bits };
}

test("a square has the outline of its four corners, and a hole one of its own", () => {
  assert.deepEqual(outlinesOf(maskOf(["##", "##"], 3, 5)), [
    [
      { x: 3, y: 5 },
      { x: 5, y: 5 },
      { x: 5, y: 7 },
      { x: 3, y: 7 },
    ],
  ]);
  const ring = outlinesOf(maskOf(["####", "#..#", "####"]));
  assert.deepEqual(ring.map((loop) => loop.length).sort(), [4, 4]);
});

test("what the outlines of a mask enclose is the mask, whatever its shape", () => {
  const random = new Random(3);
  for (let i = 0; i < 300; i++) {
    const bits = Uint8Array.from({ length: SIDE * SIDE }, () => (random.chance(0.4) ? 255 : 0));
    const loops = outlinesOf({ x0: 0, y0: 0, x1: SIDE, y1: SIDE, bits });
    // By the even-odd rule each loop turns what it encloses inside out.
    const enclosed = new Uint8Array(SIDE * SIDE);
    for (const loop of loops) {
      fillPolygon(loop, SIDE, SIDE, (start, end) => {
        for (let at = start; at < end; at++) enclosed[at] = 255 - enclosed[at];
      });
    }
    assert.deepEqual(enclosed, bits);
    const length = loops.flatMap((loop) =>
      loop.map((corner, at) => Math.hypot(corner.x - loop[(at + 1) % loop.length].x, corner.y - loop[(at + 1) % loop.length].y)),
    );
    assert.equal(
      length.reduce((sum, one) => sum + one, 0),
      sidesOf(bits),
      "no side is missing or drawn twice",
    );
  }
});

/** Sides of pixels between inside and outside. */
function sidesOf(bits: Uint8Array) {
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < SIDE && y < SIDE && bits[y * SIDE + x] > 0;
  let sides = 0;
  for (let y = 0; y <= SIDE; y++) {
    for (let x = 0; x <= SIDE; x++) {
      sides += Number(inside(x, y) !== inside(x - 1, y)) + Number(inside(x, y) !== inside(x, y - 1));
    }
  }
  return sides;
}
