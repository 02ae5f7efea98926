import assert from "node:assert/strict";
import { test } from "node:test";

import { levelSide, Sight } from "../../www/document/sight.js";

/** The levels on the way between two extents, by small factors, each once. */
function walk(longest: number, from: number, to: number, present: number) {
  const levels = [present];
  const steps = 400;
  for (let step = 0; step <= steps; step++) {
    const extent = from * (to / from) ** (step / steps);
    levels.push(levelSide(longest, extent, levels[levels.length - 1]));
  }
  return levels.filter((level, i) => i === 0 || level !== levels[i - 1]);
}

test("an image that the model sees pixel by pixel is looked at whole", () => {
  for (const extent of [1, 30, 256, 700, 1024]) assert.equal(levelSide(1024, extent, 0), 0);
  assert.equal(levelSide(300, 20, 256), 0);
});

test("the level is the one nearest to what is in view, where none is near enough already", () => {
  // Halfway between two levels in log2 is their geometric mean.
  for (const [extent, side] of [
    [20, 256],
    [256, 256],
    [500, 512],
    [800, 1024],
    [1440, 1024],
    [1460, 2048],
    [2048, 2048],
    [2850, 2048],
    [2950, 0],
    [4000, 0],
  ]) {
    assert.equal(levelSide(4096, extent, -1), side, `${extent}`);
  }
  assert.equal(levelSide(1100, 1060, -1), 1024);
  assert.equal(levelSide(1100, 1070, -1), 0, "nearer to the image's side");
});

test("the present level stays within three quarters of a power of two", () => {
  const reach = 2 ** 0.75;
  for (const side of [256, 512, 1024, 2048]) {
    for (const factor of [reach * 0.999, 1 / (reach * 0.999)]) assert.equal(levelSide(5000, side * factor, side), side);
  }
  assert.equal(levelSide(5000, 512 * reach * 1.001, 512), 1024);
  assert.equal(levelSide(5000, 1024 / reach / 1.001, 1024), 512);
  assert.equal(levelSide(5000, 3000, 0), 0);
  assert.equal(levelSide(5000, 2600, 0), 2048);
});

test("a walk in or out changes the level once at each threshold, and a notch back changes nothing", () => {
  assert.deepEqual(walk(6000, 6000, 40, 0), [0, 4096, 2048, 1024, 512, 256]);
  assert.deepEqual(walk(6000, 40, 6000, 256), [256, 512, 1024, 2048, 4096, 0]);
  assert.deepEqual(walk(1500, 1500, 40, 0), [0, 1024, 512, 256]);
  assert.deepEqual(walk(1500, 40, 1500, 256), [256, 512, 1024, 0], "whoever sees all of the image looks at it whole");
  // A notch of the wheel is a factor of about 1.16.
  for (const notch of [1.16, 1.3]) {
    let level = levelSide(6000, 900, 0);
    for (let i = 0; i < 20; i++) {
      const next = levelSide(6000, 900 * (i % 2 ? notch : 1 / notch), level);
      assert.equal(next, level);
      level = next;
    }
  }
});

test("what is in view makes the level, and without an image there is none", () => {
  const sight = new Sight();
  assert.deepEqual([sight.box.value, sight.side.value], [undefined, 0]);
  const box = { x0: 100, y0: 50, x1: 400, y1: 550 };
  sight.look(box, 4000);
  assert.deepEqual([sight.box.value, sight.side.value], [box, 512]);
  sight.look({ ...box }, 4000);
  assert.equal(sight.box.value, box, "it is the same");
  sight.look({ ...box, x1: 500 }, 1000);
  assert.equal(sight.side.value, 0);
  sight.look(undefined, 0);
  assert.deepEqual([sight.box.value, sight.side.value], [undefined, 0]);
});
