import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { pause, World } from "./stand_in_engine.js";
import { Visit } from "./visit.js";

const DAY = 24 * 3600 * 1000;
mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1.8e12 });

const kept = new Map<string, string>();
const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });

/** A visit in which the GPU is lost so often. @param device what the GPU is called */
async function visitOf(losses: number, device = "WebGPU (a)") {
  const world = new World();
  world.device = (choice) => (choice === "cpu" ? "CPU" : device);
  const visit = await Visit.begin(world, "auto");
  await visit.rest();
  for (; losses > 0; losses--) {
    world.engine?.die("the GPU was lost");
    await pause();
    await visit.rest();
  }
  const { device: used } = visit.bench.session.scheduler;
  return { choices: world.choices, note: used.peek()?.note ?? "" };
}

test("a GPU that is lost again and again in each visit is left alone for a week", async () => {
  for (let visits = 0; visits < 3; visits++) {
    assert.deepEqual(await visitOf(1), { choices: ["auto", "auto"], note: "" }, "a single loss is none of it");
    assert.deepEqual(await visitOf(2), { choices: ["auto", "auto", "cpu"], note: "" });
  }
  const { choices, note } = await visitOf(0);
  assert.deepEqual(choices, ["cpu"]);
  assert.match(note, /^WebGPU \(a\) was lost again and again in earlier visits, .* “Try the GPU again”/);
  mock.timers.setTime(1.8e12 + 6.9 * DAY);
  assert.deepEqual((await visitOf(0)).choices, ["cpu"]);
  mock.timers.setTime(1.8e12 + 7.1 * DAY);
  assert.deepEqual((await visitOf(0)).choices, ["auto"]);
});

test("another GPU is judged for itself, and by nothing that cannot be read", async () => {
  kept.clear();
  for (const device of ["WebGPU (a)", "WebGPU (a)", "WebGPU (b)"]) await visitOf(2, device);
  assert.deepEqual((await visitOf(0)).choices, ["auto"]);
  for (const text of ["", "no JSON", "null", "[]", '{"device":"WebGPU (a)","visits":[null,{},"x",1]}']) {
    kept.set("graysam-gpu", text);
    assert.deepEqual((await visitOf(0)).choices, ["auto"], text);
    assert.deepEqual((await visitOf(2)).choices, ["auto", "auto", "cpu"], text);
  }
});
