// The labels of an image and its brush by themselves, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DraftMask } from "../../www/draft_mask.js";
import { LabelMap } from "../../www/labels.js";
import { heldOutOf } from "../../www/project.js";
import { sweep } from "../../www/raster.js";

const [WIDTH, HEIGHT] = [40, 30];

function emptyMap() {
  return new LabelMap(new Uint32Array(WIDTH * HEIGHT), WIDTH, HEIGHT);
}

/** The pixels of a sweep. @param {[number, number]} from @param {[number, number]} to @param {number} diameter */
function swept([x0, y0], [x1, y1], diameter) {
  const pixels = new Set();
  sweep({ x: x0, y: y0 }, { x: x1, y: y1 }, diameter, WIDTH, HEIGHT, (start, end) => {
    for (let i = start; i < end; i++) pixels.add(i);
  });
  return pixels;
}

/** Pixels whose centres lie within the radius of one of many points on the way. @param {[number, number]} from @param {[number, number]} to @param {number} radius */
function within([x0, y0], [x1, y1], radius) {
  const pixels = new Set();
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

test("objects are counted, and every change can be taken back", () => {
  const map = emptyMap();
  /** @type {[number, Uint32Array][]} */
  const states = [];
  const remember = () => states.push([map.objects, map.ids.slice()]);
  remember();
  const mask = new Uint8Array(WIDTH * HEIGHT).fill(255, 0, 5 * WIDTH);
  assert.deepEqual(map.accept(mask, 1), { x0: 0, y0: 0, x1: WIDTH, y1: 5 });
  assert.equal(map.objects, 1);
  remember();
  map.paint({ x: 10, y: 4 }, { x: 10, y: 20 }, 6, 2);
  assert.equal(map.finish()?.y0, 5, "the other object's pixels stay");
  assert.equal(map.objects, 2);
  remember();
  map.erase({ x: 0, y: 2 }, { x: WIDTH, y: 2 }, 30);
  map.finish();
  assert.equal(map.objects, 1, "an object without pixels is none");
  remember();
  map.replace(Uint32Array.from({ length: WIDTH * HEIGHT }, (_, i) => i % 4));
  assert.equal(map.objects, 3);
  remember();
  map.remove(2);
  assert.equal(map.objects, 2);
  assert.ok(!map.ids.includes(2));
  assert.equal(map.freeId, 4);
  for (const [objects, ids] of states.reverse()) {
    map.undo();
    assert.deepEqual([map.objects, map.ids], [objects, ids]);
  }
  assert.equal(map.canUndo, false);
});

test("a mask without free pixels changes nothing", () => {
  const map = emptyMap();
  const mask = new Uint8Array(WIDTH * HEIGHT).fill(255, 50, 90);
  map.accept(mask, 1);
  const { revision } = map;
  assert.equal(map.accept(mask, 2), undefined);
  assert.deepEqual([map.objects, map.revision], [1, revision]);
});

test("corrections outlast predictions until there is no mask", () => {
  const draft = new DraftMask(WIDTH, HEIGHT);
  const size = WIDTH * HEIGHT;
  draft.predict(new Uint8Array(size).fill(255, 0, size / 2));
  draft.paint({ x: 5.5, y: 2.5 }, { x: 5.5, y: 2.5 }, 1, false);
  draft.finish();
  draft.paint({ x: 5.5, y: 25.5 }, { x: 5.5, y: 25.5 }, 1, true);
  draft.finish();
  const pixels = () => [draft.mask?.[2 * WIDTH + 5], draft.mask?.[25 * WIDTH + 5], draft.mask?.[0]];
  assert.deepEqual(pixels(), [0, 255, 255]);
  draft.predict(new Uint8Array(size).fill(255, WIDTH, size / 2));
  assert.deepEqual(pixels(), [0, 255, 0]);
  draft.undo();
  assert.deepEqual(pixels(), [0, 0, 0]);
  draft.predict(null);
  draft.predict(new Uint8Array(size).fill(255));
  assert.deepEqual(pixels(), [255, 255, 255]);
});

test("the last quarter of the images is held out, and never all", () => {
  const unchosen = (/** @type {number} */ count) => heldOutOf(Array(count).fill(undefined));
  assert.deepEqual(unchosen(1), [false]);
  assert.deepEqual(unchosen(2), [false, true]);
  assert.deepEqual(unchosen(6), [false, false, false, false, true, true]);
  assert.deepEqual(heldOutOf([true, undefined]), [true, false]);
  assert.deepEqual(heldOutOf([undefined, undefined, false]), [false, false, false]);
  assert.deepEqual(heldOutOf([true, true]), [false, true]);
});
