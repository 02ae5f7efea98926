import assert from "node:assert/strict";
import { test } from "node:test";

import type { LabelledImage } from "../../www/document/project.js";
import { asTheyAre, heldOutPlaces, labelsChanged, obstacleOf } from "../../www/session/training_set.js";
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
