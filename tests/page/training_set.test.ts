import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import type { LabelledImage } from "../../www/document/project.js";
import {
  areTooSmall,
  asTheyAre,
  heldOutPlaces,
  judgesOf,
  labelsChanged,
  leftOutSentence,
  noteOf,
  obstacleOf,
} from "../../www/session/training_set.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { sourceOf } from "./visit.js";

function image(id: string, changes: Partial<LabelledImage> = {}): LabelledImage {
  const runs = () => Uint32Array.of(3, 1, 3, 2);
  return { id, name: id, source: sourceOf(id), display: PLAIN_DISPLAY, width: 3, height: 2, heldOut: false, objects: 2, runs, ...changes };
}

test("a training needs two objects, and an image to train on", () => {
  assert.match(obstacleOf([]), /at least two objects/);
  assert.match(obstacleOf([image("a", { objects: 1 })]), /^One object is not enough/);
  assert.equal(obstacleOf([image("a", { heldOut: true })]), "", "a single image holds out a part of its objects");
  assert.match(obstacleOf([image("a", { heldOut: true }), image("b", { heldOut: true })]), /^All images are held out/);
  assert.equal(obstacleOf([image("a"), image("b", { heldOut: true })]), "");
  assert.deepEqual(heldOutPlaces([image("a"), image("b", { heldOut: true })]), [1]);
  assert.deepEqual(heldOutPlaces([image("a", { heldOut: true })]), []);
});

test("labels are compared with what they were when the training began", () => {
  let label = 2;
  const growing = image("b", { runs: () => Uint32Array.of(3, 1, 3, label) });
  const before = asTheyAre([image("a"), growing]);
  assert.ok(!labelsChanged(before, [growing, image("a"), image("c")]), "more images are no change");
  assert.ok(labelsChanged(before, [image("a")]));
  assert.ok(labelsChanged(before, [image("a", { display: { ...PLAIN_DISPLAY, invert: true } }), growing]));
  label = 5;
  assert.ok(labelsChanged(before, [image("a"), growing]));
});

test("where no image is held out it is said that some are at random", () => {
  const [a, b, held] = [image("a"), image("b"), image("c", { heldOut: true })];
  assert.equal(judgesOf([a, b]), "some of the images are held out at random");
  assert.match(noteOf([a, b]), /^No image is chosen to be held out, so some of them are at random/);
  assert.equal(judgesOf([a, b, held]), "1 image held out");
  assert.match(noteOf([a, b, held]), /^Held-out images judge the training/);
  assert.equal(judgesOf([held]), "a part of the objects is held out");
});

test("images that are left out are named, and what then judges the training", () => {
  const [a, b, held] = [image("a"), image("b"), image("c", { heldOut: true })];
  assert.match(
    leftOutSentence([a], [b, held]),
    /^a was left out of the training, because all objects there are too small; label larger ones/,
  );
  assert.match(leftOutSentence([a, b], [held]), /^a and 1 other image were left out/);
  assert.match(leftOutSentence([held], [a, b]), /No other image is held out, so some of the images are held out at random\.$/);
  assert.match(leftOutSentence([b], [held]), /Only c is left, so a part of the objects is held out\.$/);
});

test("the engine's sentence about small objects is known here", async () => {
  const source = await readFile(new URL("../../../../src/image/labels.rs", import.meta.url), "utf8");
  const sentence = source.match(/"(No labelled object has \{min_area\}[^"]*)"/)?.[1] ?? assert.fail("it reads otherwise now");
  assert.ok(areTooSmall(new Error(sentence.replace("{min_area}", "20"))));
  assert.ok(!areTooSmall(new Error("The labels are 3 × 2 pixels but the image is 4 × 2: they must be of one size.")));
});
