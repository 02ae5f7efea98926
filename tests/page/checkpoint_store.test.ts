import assert from "node:assert/strict";
import { test } from "node:test";

import type { StoredTraining } from "../../www/document/types.js";
import { readCheckpoint, removeCheckpoint, storeCheckpoint, storedTraining } from "../../www/storage/checkpoint_store.js";
import { MemoryStorage } from "./memory_storage.js";

function trainingAt(step: number): StoredTraining {
  const settings = { steps: 9, batch: 4, learning_rate: 1e-4, rounds: 2, points: 0.5, held_out: 0.1, evaluate_every: 3, seed: 0 };
  return { base: "0", model: "MobileSAM", settings, step, when: 1000 + step, images: ["a"] };
}

const bytes = (text: string) => new TextEncoder().encode(text);

test("the newest whole checkpoint is read", async () => {
  const storage = MemoryStorage.install();
  assert.equal(await storedTraining(), undefined);
  await assert.rejects(readCheckpoint(), /not in the browser's storage any more/);
  for (const step of [1, 2, 3]) await storeCheckpoint(trainingAt(step), bytes(`step ${step}`));
  assert.equal(storage.names("training").length, 2, "those before are removed");
  assert.equal((await storedTraining())?.step, 3);
  assert.equal(await (await readCheckpoint()).text(), "step 3");
  await removeCheckpoint();
  assert.deepEqual(storage.names("training"), []);
});

test("a checkpoint without room leaves the one before", async () => {
  const storage = MemoryStorage.install();
  await storeCheckpoint(trainingAt(1), bytes("step 1"));
  storage.quota = 100;
  await assert.rejects(storeCheckpoint(trainingAt(2), new Uint8Array(1000)), /no room for the training's checkpoint/);
  assert.equal(await (await readCheckpoint()).text(), "step 1");
  assert.equal(storage.names("training").length, 2);
});

test("the settings that an earlier version stored are read", async () => {
  const storage = MemoryStorage.install();
  const { settings, ...training } = trainingAt(1);
  const { evaluate_every, ...others } = settings;
  const earlier = { ...training, settings: { ...others, judge_every: evaluate_every }, bytes: 0 };
  await storage.put("training", "a.json", JSON.stringify(earlier));
  await storage.put("training", "a.safetensors", "");
  assert.deepEqual((await storedTraining())?.settings, settings);
});
