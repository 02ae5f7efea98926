import assert from "node:assert/strict";
import { test } from "node:test";

import { maskPaint, Overlay } from "../../www/canvas/overlay.js";
import { BoxedPlane } from "../../www/document/boxed_plane.js";
import { DraftMask } from "../../www/document/draft_mask.js";
import type { PixelBox } from "../../www/document/geometry.js";
import { areaOf, runsOf, visitInside } from "../../www/document/mask_region.js";
import { sweep } from "../../www/document/raster.js";
import { pack } from "../../www/document/runs.js";
import type { MaskRegion } from "../../www/document/types.js";
import { Random } from "./random.js";
import { boxed, planeOf } from "./shapes.js";

const [WIDTH, HEIGHT] = [31, 23];

/** A random shape, which may be empty or reach the image's borders. */
function shape(random: Random, width = WIDTH, height = HEIGHT) {
  const plane = new Uint8Array(width * height);
  for (let i = random.below(4); i > 0; i--) {
    const [x0, y0] = [random.below(width), random.below(height)];
    const x1 = Math.min(width, x0 + 1 + random.below(width));
    for (let y = y0; y < Math.min(height, y0 + 1 + random.below(6)); y++)
      plane.fill(random.chance(0.8) ? 255 : 0, y * width + x0, y * width + x1);
  }
  return plane;
}

test("a mask in its box has the pixels, the area and the runs of the whole plane", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const plane = shape(new Random(seed));
    const mask = boxed(plane, WIDTH, HEIGHT);
    const visited = new Uint8Array(plane.length);
    visitInside(mask, WIDTH, (start, end) => visited.fill(255, start, end));
    assert.deepEqual(visited, plane);
    assert.equal(areaOf(mask), plane.filter(Boolean).length);
    assert.deepEqual(runsOf(mask, WIDTH, HEIGHT), pack(plane));
    assert.deepEqual(planeOf(BoxedPlane.fromRuns(pack(plane), WIDTH, HEIGHT), WIDTH, HEIGHT), plane);
  }
  assert.throws(() => BoxedPlane.fromRuns(Uint32Array.of(5, 1), WIDTH, HEIGHT), /another size/);
});

test("a plane in a box holds what was written, wherever that was", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const [plane, boxedPlane] = [new Uint8Array(WIDTH * HEIGHT), new BoxedPlane(WIDTH, HEIGHT)];
    for (let writes = 0; writes < 12; writes++) {
      const start = random.below(plane.length);
      const [end, value] = [Math.min(plane.length, start + 1 + random.below(70)), random.below(3)];
      plane.fill(value, start, end);
      boxedPlane.fill(start, end, value);
      assert.deepEqual(planeOf(boxedPlane, WIDTH, HEIGHT), plane);
    }
    plane.forEach((value, i) => assert.equal(boxedPlane.at(i), value));
  }
});

/** The corrected mask as planes of the whole image. */
class PlainMask {
  predicted = new Uint8Array(WIDTH * HEIGHT);
  edits = new Uint8Array(WIDTH * HEIGHT);

  get mask() {
    return this.predicted.map((value, i) => [value, 255, 0][this.edits[i]]);
  }
}

test("a mask that is predicted, corrected, undone and redone is that of whole planes", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new Random(seed);
    const [draft, plain] = [new DraftMask(WIDTH, HEIGHT), new PlainMask()];
    const done: { before: Uint8Array<ArrayBuffer>; after: Uint8Array<ArrayBuffer>; change: Parameters<DraftMask["undo"]>[0] }[] = [];
    draft.predict(boxed(plain.predicted, WIDTH, HEIGHT));
    for (let i = 0; i < 20; i++) {
      const kind = random.below(6);
      if (kind === 0) {
        plain.predicted = shape(random);
        const prediction = boxed(plain.predicted, WIDTH, HEIGHT);
        const bits = prediction.bits.slice();
        draft.predict(prediction);
        if (!draft.corrected) assert.equal(draft.mask, prediction, "it is not copied");
        assert.deepEqual(prediction.bits, bits);
      } else if (kind === 1 && done.length > 0) {
        const { before, change } = done[done.length - 1];
        draft.undo(change);
        plain.edits = before;
        if (random.chance(0.5)) {
          draft.redo(change);
          plain.edits = done[done.length - 1].after;
        } else done.pop();
      } else if (kind === 2) {
        draft.correctAs(draft.corrections);
      } else {
        const [from, to] = [0, 1].map(() => ({ x: random.next() * WIDTH, y: random.next() * HEIGHT }));
        const [size, add] = [1 + random.below(6), random.chance(0.5)];
        const [before, shown] = [plain.edits, plain.mask];
        const after = before.slice();
        sweep(from, to, size, WIDTH, HEIGHT, (start, end) => {
          for (let at = start; at < end; at++) if (shown[at] > 0 !== add) after[at] = add ? 1 : 2;
        });
        draft.paint(from, to, size, add);
        const change = draft.finish();
        assert.equal(
          change !== undefined,
          after.some((edit, at) => edit !== before[at]),
        );
        plain.edits = after;
        if (change) done.push({ before, after, change });
      }
      assert.deepEqual(planeOf(draft.mask, WIDTH, HEIGHT), plain.mask);
      const corrected = plain.edits.some(Boolean);
      assert.deepEqual([draft.corrected, draft.corrections], [corrected, corrected ? pack(plain.edits) : undefined]);
    }
  }
});

test("what an answer costs does not grow with the image", () => {
  const side = 60_000;
  const mask: MaskRegion = { x0: 7000, y0: 5000, x1: 7002, y1: 5001, bits: Uint8Array.of(255, 255) };
  const draft = new DraftMask(side, side);
  draft.predict(mask);
  assert.deepEqual([draft.corrected, draft.corrections, draft.mask], [false, undefined, mask]);
  draft.paint({ x: 7010.5, y: 5000.5 }, { x: 7010.5, y: 5000.5 }, 1, true);
  draft.finish();
  assert.ok(draft.mask && draft.mask.bits.length < 1000);
  const start = 5000 * side;
  assert.deepEqual(draft.corrections, Uint32Array.of(start + 7010, 0, 1, 1, side * side - start - 7011, 0));
});

/** What a mask looks like on a level: each of its pixels shows the middle one of the image's, the last ones the border. */
function plainlyPainted(plane: Uint8Array, width: number, height: number, level: number, box: PixelBox) {
  const size = 2 ** level;
  const at = (x: number, y: number) => {
    const [column, row] = [Math.min(Math.ceil(width / size) - 1, Math.max(0, x)), Math.min(Math.ceil(height / size) - 1, Math.max(0, y))];
    const [px, py] = [Math.min(width - 1, column * size + (size >> 1)), Math.min(height - 1, row * size + (size >> 1))];
    return plane[py * width + px] > 0;
  };
  const { fill, outline } = maskPaint();
  const pixels: number[] = [];
  for (let y = box.y0; y < box.y1; y++) {
    for (let x = box.x0; x < box.x1; x++) {
      const inner = at(x - 1, y) && at(x + 1, y) && at(x, y - 1) && at(x, y + 1);
      pixels.push(!at(x, y) ? 0 : inner ? fill : outline);
    }
  }
  return Uint32Array.from(pixels);
}

test("a mask is filled, and outlined where it ends but not at the image's border", () => {
  const [width, height] = [61, 45];
  for (let seed = 1; seed <= 60; seed++) {
    const plane = shape(new Random(seed), width, height);
    const whole = { x0: 0, y0: 0, x1: width, y1: height, bits: plane };
    for (const numbers of [whole, boxed(plane, width, height)]) {
      const overlay = new Overlay(numbers, width, height, maskPaint);
      for (const level of [0, 1, 2, 3]) {
        const [columns, rows] = [Math.ceil(width / 2 ** level), Math.ceil(height / 2 ** level)];
        for (const box of [
          { x0: 0, y0: 0, x1: columns, y1: rows },
          { x0: columns >> 1, y0: rows >> 2, x1: columns, y1: rows - 1 },
        ]) {
          const pixels = new Uint32Array((box.x1 - box.x0) * (box.y1 - box.y0));
          const painted = overlay.paint(pixels, level, box);
          assert.deepEqual(pixels, plainlyPainted(plane, width, height, level, box));
          assert.equal(painted, pixels.some(Boolean));
        }
      }
    }
  }
});
