import assert from "node:assert/strict";
import { test } from "node:test";

import { DraftMask } from "../../www/document/draft_mask.js";
import { boxed, HEIGHT, planeOf, WIDTH } from "./shapes.js";

test("corrections outlast predictions until there is no mask", () => {
  const draft = new DraftMask(WIDTH, HEIGHT);
  const size = WIDTH * HEIGHT;
  const predict = (from: number, to: number) => draft.predict(boxed(new Uint8Array(size).fill(255, from, to), WIDTH, HEIGHT));
  predict(0, size / 2);
  draft.paint({ x: 5.5, y: 2.5 }, { x: 5.5, y: 2.5 }, 1, false);
  draft.finish();
  draft.paint({ x: 5.5, y: 25.5 }, { x: 5.5, y: 25.5 }, 1, true);
  const change = draft.finish();
  assert.ok(change);
  const pixels = () => [2 * WIDTH + 5, 25 * WIDTH + 5, 0].map((i) => planeOf(draft.mask, WIDTH, HEIGHT)?.[i]);
  assert.deepEqual(pixels(), [0, 255, 255]);
  predict(WIDTH, size / 2);
  assert.deepEqual(pixels(), [0, 255, 0]);
  draft.undo(change);
  assert.deepEqual(pixels(), [0, 0, 0]);
  draft.redo(change);
  const { corrections } = draft;
  draft.predict(null);
  predict(0, size);
  assert.deepEqual(pixels(), [255, 255, 255]);
  draft.correctAs(corrections);
  predict(0, 0);
  assert.deepEqual(pixels(), [0, 255, 0]);
});
