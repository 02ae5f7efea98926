import assert from "node:assert/strict";
import { test } from "node:test";

import { sweep } from "../../www/document/raster.js";
import { HEIGHT, WIDTH } from "./shapes.js";

type Place = [x: number, y: number];

/** The pixels of a sweep. */
function swept([x0, y0]: Place, [x1, y1]: Place, diameter: number) {
  const pixels = new Set<number>();
  sweep({ x: x0, y: y0 }, { x: x1, y: y1 }, diameter, WIDTH, HEIGHT, (start, end) => {
    for (let i = start; i < end; i++) pixels.add(i);
  });
  return pixels;
}

/** Pixels whose centres lie within the radius of one of many points on the way. */
function within([x0, y0]: Place, [x1, y1]: Place, radius: number) {
  const pixels = new Set<number>();
  for (let t = 0; t <= 1; t += 1 / 4000) {
    const [x, y] = [x0 + t * (x1 - x0), y0 + t * (y1 - y0)];
    for (let i = 0; i < WIDTH * HEIGHT; i++) {
      if (Math.hypot((i % WIDTH) + 0.5 - x, Math.floor(i / WIDTH) + 0.5 - y) <= radius) pixels.add(i);
    }
  }
  return pixels;
}

test("a sweep covers what lies within the brush's radius of its way", () => {
  assert.deepEqual([...swept([3.9, 2.2], [3.9, 2.2], 1)], [2 * WIDTH + 3], "one pixel covers one");
  assert.equal(swept([10, 10], [10, 10], 2).size, 4);
  assert.deepEqual(swept([5.5, 20.5], [30.5, 8.5], 7), within([5.5, 20.5], [30.5, 8.5], 3.5));
  assert.deepEqual(swept([-6, 4], [3, -5], 10), within([-6, 4], [3, -5], 5), "beyond the border nothing is covered");
});
