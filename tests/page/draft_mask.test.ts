import assert from "node:assert/strict";
import { test } from "node:test";

import { DraftMask } from "../../www/document/draft_mask.js";
import { HEIGHT, WIDTH } from "./shapes.js";

test("corrections outlast predictions until there is no mask", () => {
  const draft = new DraftMask(WIDTH, HEIGHT);
  const size = WIDTH * HEIGHT;
  draft.predict(new Uint8Array(size).fill(255, 0, size / 2));
  draft.paint({ x: 5.5, y: 2.5 }, { x: 5.5, y: 2.5 }, 1, false);
  draft.finish();
  draft.paint({ x: 5.5, y: 25.5 }, { x: 5.5, y: 25.5 }, 1, true);
  const change = draft.finish();
  assert.ok(change);
  const pixels = () => [draft.mask?.[2 * WIDTH + 5], draft.mask?.[25 * WIDTH + 5], draft.mask?.[0]];
  assert.deepEqual(pixels(), [0, 255, 255]);
  draft.predict(new Uint8Array(size).fill(255, WIDTH, size / 2));
  assert.deepEqual(pixels(), [0, 255, 0]);
  draft.undo(change);
  assert.deepEqual(pixels(), [0, 0, 0]);
  draft.redo(change);
  const { corrections } = draft;
  draft.predict(null);
  draft.predict(new Uint8Array(size).fill(255));
  assert.deepEqual(pixels(), [255, 255, 255]);
  draft.correctAs(corrections);
  draft.predict(new Uint8Array(size));
  assert.deepEqual(pixels(), [0, 255, 0]);
});
