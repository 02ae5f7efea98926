// The labels of an image and its brush by themselves, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DraftMask } from "../../www/draft_mask.js";
import { History } from "../../www/history.js";
import { LabelMap } from "../../www/labels.js";
import { heldOutOf } from "../../www/project.js";
import { sweep } from "../../www/raster.js";
import { boxOf, cut, fillPolygon, filled, maskPrompt, parts, smoothed } from "../../www/regions.js";
import { pack, unpack } from "../../www/runs.js";

/** @typedef {import("../../www/regions.js").Region} Region */

const [WIDTH, HEIGHT] = [40, 30];

function emptyMap() {
  return new LabelMap(Uint32Array.of(WIDTH * HEIGHT, 0), WIDTH, HEIGHT);
}

/** A region drawn with # for its pixels. @param {string[]} rows @returns {Region} */
function region(...rows) {
  const bits = Uint8Array.from(rows.join(""), (sign) => Number(sign === "#"));
  return { x0: 0, y0: 0, width: rows[0].length, height: rows.length, bits };
}

/** @param {Region} region */
function drawn({ width, bits }) {
  const signs = Array.from(bits, (bit) => (bit ? "#" : ".")).join("");
  return signs.match(new RegExp(`.{${width}}`, "g"));
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

test("runs give back what was packed, and refuse another size", () => {
  const plane = Uint32Array.from({ length: 300 }, (_, i) => (i * i) % 7 > 3 ? 70_000 : 0);
  assert.deepEqual(unpack(pack(plane), 300), plane);
  assert.throws(() => unpack(pack(plane), 299), /another size/);
});

test("objects are counted, and every change can be taken back and made again", () => {
  const map = emptyMap();
  /** @type {[number, Uint32Array][]} */
  const states = [];
  /** @type {import("../../www/raster.js").Change[]} */
  const changes = [];
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
  const mask = new Uint8Array(WIDTH * HEIGHT).fill(255, 0, 5 * WIDTH);
  map.accept(mask, 1);
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
  map.accept(new Uint8Array(WIDTH * HEIGHT).fill(255, 0, 50), 1);
  map.accept(new Uint8Array(WIDTH * HEIGHT).fill(255, 50, 100), 2);
  map.finish();
  map.locked = (id) => id === 1;
  map.erase({ x: 0, y: 0 }, { x: WIDTH, y: 3 }, 30, new Set());
  map.finish();
  assert.deepEqual([map.areaOf(1), map.areaOf(2)], [50, 0]);
  // The new object of the same number is another one.
  map.replace(new Uint32Array(WIDTH * HEIGHT).fill(1));
  map.finish();
  assert.equal(map.areaOf(1), 50);
  assert.deepEqual(map.numbers.map((id) => map.areaOf(id)), [50, WIDTH * HEIGHT - 50]);
});

test("a mask without free pixels changes nothing", () => {
  const map = emptyMap();
  const mask = new Uint8Array(WIDTH * HEIGHT).fill(255, 50, 90);
  map.accept(mask, 1);
  map.finish();
  map.accept(mask, 2);
  assert.equal(map.finish(), undefined);
  assert.equal(map.objects, 1);
});

test("an object is reshaped within what is free", () => {
  const map = emptyMap();
  const row = (/** @type {number} */ y, /** @type {number} */ id) => map.fillFree(y * WIDTH, y * WIDTH + 3, id);
  row(1, 1);
  row(3, 2);
  map.finish();
  map.reshape(1, { ...region(".##", "###", "###"), y0: 1 });
  map.finish();
  const rows = [1, 2, 3].map((y) => Array.from(map.ids.slice(y * WIDTH, y * WIDTH + 3)));
  assert.deepEqual(rows, [[0, 1, 1], [1, 1, 1], [2, 2, 2]]);
});

test("holes are filled, parts told apart, outlines smoothed", () => {
  const ring = region("........", ".####...", ".#..#.#.", ".####...", "........");
  assert.deepEqual(drawn(filled(ring)), ["........", ".####...", ".####.#.", ".####...", "........"]);
  assert.deepEqual(parts(ring).map(({ bits }) => bits.filter(Boolean).length), [10, 1]);
  const diagonal = parts(region("#.", ".#"));
  assert.equal(diagonal.length, 2, "corners do not connect");
  const bump = { ...region("..........", "..#.......", ".########.", ".########.", ".########.", ".########.", ".########.", ".########."), x0: 30, y0: 7 };
  const smooth = smoothed(bump);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => smooth.bits[(y - smooth.y0) * smooth.width + x - smooth.x0];
  assert.deepEqual([at(32, 8), at(34, 11), at(31, 9)], [0, 1, 0], "bump and corner go, the middle stays");
});

test("a cut goes along its line, through what it crosses", () => {
  const two = region("####.##", "####.##", "####.##");
  const halves = cut(two, { x: 2, y: -1 }, { x: 2, y: 4 });
  assert.deepEqual(halves?.map((half) => drawn(half)).sort(), [["##...##", "##...##", "##...##"], ["..##...", "..##...", "..##..."]].sort());
  assert.equal(cut(two, { x: 4.5, y: -1 }, { x: 4.5, y: 4 }), undefined, "nothing lies on the way");
});

test("a polygon covers the pixels whose centres lie inside", () => {
  const covered = new Set();
  const corners = [{ x: -3, y: 2 }, { x: 12, y: 2 }, { x: 4.2, y: 13.7 }];
  fillPolygon(corners, WIDTH, HEIGHT, (start, end) => {
    for (let i = start; i < end; i++) covered.add(i);
  });
  /** Above the edge from a to b, as seen from the third corner. */
  const side = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ i) => {
    const [a, b] = [corners[i], corners[(i + 1) % 3]];
    return (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x) > 0;
  };
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [x, y] = [(i % WIDTH) + 0.5, Math.floor(i / WIDTH) + 0.5];
    assert.equal(covered.has(i), [0, 1, 2].every((edge) => side(x, y, edge)), `pixel ${i % WIDTH}, ${Math.floor(i / WIDTH)}`);
  }
});

test("a region is a prompt by its box and the runs of its pixels", () => {
  const rows = ["     ", " ##  ", " #.# ", "     "];
  const bits = Uint8Array.from(rows.join(""), (c) => Number(c === "#"));
  const region = { x0: 9, y0: 19, width: 5, height: 4, bits };
  assert.deepEqual(boxOf(region), { x0: 10, y0: 20, x1: 13, y1: 22 });
  // From the first pixel on it is inside.
  assert.deepEqual(maskPrompt(region), { kind: "mask", x0: 10, y0: 20, x1: 13, y1: 22, runs: [0, 2, 1, 1, 1, 1] });
});

test("the history goes back over images, and leaves out prompts of images that were left", async () => {
  /** @type {string[]} */
  const log = [];
  let open = "a";
  const history = new History(() => open, async (image) => (log.push(`open ${image}`), (open = image), true), () => {});
  const deed = (/** @type {string} */ what, passing = false) => {
    history.push({ what, image: open, passing, undo: () => log.push(`undo ${what}`), redo: () => log.push(`redo ${what}`) });
  };
  deed("draw");
  deed("prompt", true);
  open = "b";
  deed("erase");
  await history.undo();
  await history.undo();
  await history.undo();
  assert.deepEqual(log.splice(0), ["undo erase", "open a", "undo draw"]);
  await history.redo();
  await history.redo();
  assert.deepEqual(log.splice(0), ["redo draw", "open b", "redo erase"]);
  await history.undo();
  deed("paint");
  assert.equal(history.next, undefined, "a new deed ends what could be done again");
});

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

test("the last quarter of the images is held out, and never all", () => {
  const unchosen = (/** @type {number} */ count) => heldOutOf(Array(count).fill(undefined));
  assert.deepEqual(unchosen(1), [false]);
  assert.deepEqual(unchosen(2), [false, true]);
  assert.deepEqual(unchosen(6), [false, false, false, false, true, true]);
  assert.deepEqual(heldOutOf([true, undefined]), [true, false]);
  assert.deepEqual(heldOutOf([undefined, undefined, false]), [false, false, false]);
  assert.deepEqual(heldOutOf([true, true]), [false, true]);
});
