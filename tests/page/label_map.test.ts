import assert from "node:assert/strict";
import { test } from "node:test";

import type { Change } from "../../www/document/changes.js";
import { LabelMap } from "../../www/document/label_map.js";
import { Overlay } from "../../www/canvas/overlay.js";
import { NOT_ANNOTATED_PAINT } from "../../www/canvas/paint.js";
import { additionOf } from "../../www/document/free_runs.js";
import { NOT_ANNOTATED, unpack } from "../../www/document/runs.js";
import { atOnce } from "../../www/document/slices.js";
import { boxed, HEIGHT, region, WIDTH } from "./shapes.js";

function emptyMap() {
  return new LabelMap(Uint32Array.of(WIDTH * HEIGHT, 0), WIDTH, HEIGHT);
}

/** A mask of the pixels from `start` to just before `end`. */
function maskOf(start: number, end: number) {
  return boxed(new Uint8Array(WIDTH * HEIGHT).fill(255, start, end), WIDTH, HEIGHT);
}

test("objects are counted, and every change can be undone and redone", () => {
  const map = emptyMap();
  const states: [objects: number, ids: Uint32Array][] = [];
  const changes: Change[] = [];
  const remember = () => {
    states.push([map.objects, map.ids.slice()]);
    assert.deepEqual(unpack(map.pack(), WIDTH * HEIGHT), map.ids, "what is packed is what there is");
  };
  const finish = () => {
    const change = map.finish();
    assert.ok(change);
    changes.push(change);
    remember();
    return change.box;
  };
  remember();
  map.accept(maskOf(0, 5 * WIDTH), 1);
  assert.deepEqual(finish(), { x0: 0, y0: 0, x1: WIDTH, y1: 5 });
  assert.equal(map.objects, 1);
  map.paint({ x: 10, y: 4 }, { x: 10, y: 20 }, 6, 2);
  assert.equal(finish().y0, 5, "the other object's pixels stay");
  assert.equal(map.objects, 2);
  map.erase({ x: 0, y: 2 }, { x: WIDTH, y: 2 }, 30, new Set());
  finish();
  assert.equal(map.objects, 1, "an object without pixels is none");
  map.replace(Uint32Array.from({ length: WIDTH * HEIGHT }, (_, i) => i % 4));
  finish();
  assert.equal(map.objects, 3);
  map.give(2, 0);
  finish();
  assert.equal(map.objects, 2);
  assert.ok(!map.ids.includes(2));
  assert.equal(map.freeId, 4);
  const end = states.length - 1;
  changes.toReversed().forEach((change, i) => {
    map.undo(change);
    assert.deepEqual([map.objects, map.ids], states[end - i - 1]);
  });
  changes.forEach((change, i) => {
    map.redo(change);
    assert.deepEqual([map.objects, map.ids], states[i + 1]);
  });
});

test("a locked object keeps its pixels", () => {
  const map = emptyMap();
  map.accept(maskOf(0, 50), 1);
  map.accept(maskOf(50, 100), 2);
  map.finish();
  map.locked = (id) => id === 1;
  map.erase({ x: 0, y: 0 }, { x: WIDTH, y: 3 }, 30, new Set());
  map.finish();
  assert.deepEqual([map.areaOf(1), map.areaOf(2)], [50, 0]);
  // The new object of the same number is another one.
  map.replace(new Uint32Array(WIDTH * HEIGHT).fill(1));
  map.finish();
  assert.equal(map.areaOf(1), 50);
  assert.deepEqual(
    map.numbers.map((id) => map.areaOf(id)),
    [50, WIDTH * HEIGHT - 50],
  );
});

test("a mask without free pixels changes nothing", () => {
  const map = emptyMap();
  const mask = maskOf(50, 90);
  map.accept(mask, 1);
  map.finish();
  map.accept(mask, 2);
  assert.equal(map.finish(), undefined);
  assert.equal(map.objects, 1);
});

test("an object is reshaped within what is free", () => {
  const map = emptyMap();
  const row = (y: number, id: number) => map.fillFree(y * WIDTH, y * WIDTH + 3, id);
  row(1, 1);
  row(3, 2);
  map.finish();
  map.reshape(1, { ...region(".##", "###", "###"), y0: 1 });
  map.finish();
  const rows = [1, 2, 3].map((y) => Array.from(map.ids.slice(y * WIDTH, y * WIDTH + 3)));
  assert.deepEqual(rows, [
    [0, 1, 1],
    [1, 1, 1],
    [2, 2, 2],
  ]);
});

test("what is not annotated is no object, may be given to one, and comes back by undo", () => {
  const map = new LabelMap(Uint32Array.of(10, 0, 20, NOT_ANNOTATED, 5, 3, WIDTH * HEIGHT - 35, 0), WIDTH, HEIGHT);
  assert.deepEqual([map.numbers, map.notAnnotated, map.freeId], [[3], 20, 4]);
  assert.equal(map.idAt({ x: 12.5, y: 0.5 }), 0);
  const before = map.ids.slice();
  map.accept(maskOf(5, 33), 4);
  const change = map.finish();
  assert.ok(change);
  // Five of background and twenty of which nothing was known; the other object keeps its own.
  assert.deepEqual([map.areaOf(4), map.areaOf(3), map.notAnnotated], [25, 5, 0]);
  map.undo(change);
  assert.deepEqual([map.ids, map.notAnnotated], [before, 20]);
  map.erase({ x: 0, y: 0 }, { x: WIDTH, y: 0 }, 2, new Set());
  map.finish();
  assert.deepEqual([map.objects, map.notAnnotated], [0, 0], "who erases says that it is background");
});

test("found objects may lie where nothing is annotated", () => {
  const map = new LabelMap(Uint32Array.of(10, 0, 20, NOT_ANNOTATED, 5, 3, WIDTH * HEIGHT - 35, 0), WIDTH, HEIGHT);
  const addition = atOnce(additionOf(map, Uint32Array.of(5, 0, 30, 1, WIDTH * HEIGHT - 35, 0), 1));
  assert.ok(addition.change);
  const before = map.ids.slice();
  map.redo(addition.change);
  assert.deepEqual([map.areaOf(4), map.notAnnotated], [25, 0]);
  map.undo(addition.change);
  assert.deepEqual(map.ids, before);
});

test("what is not annotated is striped", () => {
  const bits = new Uint32Array(40 * 40).fill(NOT_ANNOTATED);
  const overlay = new Overlay({ x0: 0, y0: 0, x1: 40, y1: 40, bits }, 40, 40, () => NOT_ANNOTATED_PAINT);
  const pixels = new Uint32Array(20 * 20);
  overlay.paint(pixels, 0, { x0: 10, y0: 10, x1: 30, y1: 30 });
  const stripes = pixels.filter((pixel) => pixel === NOT_ANNOTATED_PAINT.outline).length;
  assert.ok(stripes > 40 && stripes < 100, String(stripes));
});
