import assert from "node:assert/strict";
import { test } from "node:test";

import { Turns } from "../../www/engine/turns.js";
import type { WorkerMethod } from "../../www/engine/methods.js";
import { pause } from "./stand_in_engine.js";

/** Takes requests; each ends when it is told to. */
function begin(turns: Turns) {
  const begun: WorkerMethod[] = [];
  const ends = new Map<WorkerMethod, () => void>();
  const take = (method: WorkerMethod) =>
    turns.take(method, () => {
      begun.push(method);
      return new Promise<void>((resolve) => ends.set(method, resolve));
    });
  const end = async (method: WorkerMethod) => {
    ends.get(method)?.();
    await pause();
  };
  return { begun, take, end };
}

test("requests are answered one after another, but for those that the engine has no part in", async () => {
  const { begun, take, end } = begin(new Turns());
  for (const method of ["train", "predict", "listModels"] as const) take(method);
  await pause();
  assert.deepEqual(begun, ["listModels", "train"]);
  await end("train");
  assert.deepEqual(begun, ["listModels", "train", "predict"]);
});

test("beside a training that has threads of its own, all is answered that does not concern it", async () => {
  const turns = new Turns();
  turns.trainsBeside = Promise.resolve(true);
  const { begun, take, end } = begin(turns);
  for (const method of ["train", "predict", "adoptBest", "preview"] as const) take(method);
  await pause();
  assert.deepEqual(begun, ["train", "predict"]);
  await end("predict");
  assert.deepEqual(begun, ["train", "predict"], "the decoder is adopted after the piece at hand");
  await end("train");
  assert.deepEqual(begun, ["train", "predict", "adoptBest"]);
  await end("adoptBest");
  assert.deepEqual(begun, ["train", "predict", "adoptBest", "preview"]);
});
