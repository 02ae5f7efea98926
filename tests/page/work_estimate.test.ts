import assert from "node:assert/strict";
import { test } from "node:test";

import { WorkEstimate } from "../../www/document/work_estimate.js";
import type { TrainingInfo } from "../../www/engine/graysam.js";

function infoAt(step: number, evaluations: number): TrainingInfo {
  const settings = { steps: 10, batch: 4, learning_rate: 1e-4, rounds: 2, points: 0.5, held_out: 0.1, evaluate_every: 5, seed: 0 };
  const done = Array.from({ length: evaluations }, (_, i) => ({ step: 5 * i, objects: 4, point_iou: 0.5, box_iou: 0.5 }));
  return { step, settings, training_objects: 12, held_out_objects: 4, losses: [], evaluations: done };
}

test("the rest of a training is estimated from what steps and evaluated objects took", () => {
  const estimate = new WorkEstimate();
  assert.deepEqual(estimate.of(infoAt(0, 0), 0), { fraction: 0, left: undefined });
  estimate.add(100, "step");
  estimate.add(300, "step");
  assert.equal(estimate.of(infoAt(2, 1), 0).left, undefined, "no object was timed");
  estimate.add(50, "object");
  // 10 steps of 200 ms and three evaluations of 4 objects of 50 ms, of which 4 steps and 6 objects are done.
  assert.deepEqual(estimate.of(infoAt(4, 1), 2), { fraction: 1100 / 2600, left: 1500 });
  assert.deepEqual(estimate.of(infoAt(10, 3), 0), { fraction: 1, left: 0 });
});
