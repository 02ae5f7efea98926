// The GPU is trusted with what was found right on it, and what was found is not asked for in each visit.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import type { DeviceCheck } from "../../www/engine/graysam.js";
import { diagnosticsOf } from "../../www/session/diagnostics.js";
import { World } from "./stand_in_engine.js";
import { Visit } from "./visit.js";

const DAY = 24 * 3600 * 1000;
mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1.8e12 });

const kept = new Map<string, string>();
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
  removeItem: (key: string) => void kept.delete(key),
};
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
beforeEach(() => kept.clear());

const RIGHT: DeviceCheck = { avoided: [], usable: true, note: null };

async function visitWith(check: DeviceCheck, { device = "WebGPU (a)", browser = "Browser/1", choice = "auto" as "auto" | "webgpu" } = {}) {
  const world = new World();
  world.device = (choice) => (choice === "cpu" ? "CPU" : device);
  world.check = check;
  const beginning = Visit.begin(world, choice);
  Object.defineProperty(globalThis.navigator, "userAgent", { value: browser, configurable: true });
  const visit = await beginning;
  await visit.rest();
  return visit;
}

const checks = (visit: Visit) => visit.world.requests.filter((method) => /Check|checkDevice/.test(method));
const shown = (visit: Visit) => visit.bench.session.scheduler.device.peek();

test("a GPU is checked once, before the model is loaded, and again with another browser, adapter, or after a week", async () => {
  const first = await visitWith(RIGHT);
  assert.deepEqual(first.world.requests.slice(0, 3), ["create", "checkDevice", "loadModel"]);
  assert.deepEqual([shown(first)?.device, shown(first)?.note], ["WebGPU (a)", null]);
  assert.ok(!first.bench.session.scheduler.gpuDoubted.peek());
  assert.deepEqual(checks(await visitWith(RIGHT)), ["takeCheck"]);
  assert.deepEqual(checks(await visitWith(RIGHT, { browser: "Browser/2" })), ["checkDevice"]);
  assert.deepEqual(checks(await visitWith(RIGHT, { browser: "Browser/2", device: "WebGPU (b)" })), ["checkDevice"]);
  mock.timers.setTime(1.8e12 + 7.1 * DAY);
  assert.deepEqual(checks(await visitWith(RIGHT, { browser: "Browser/2", device: "WebGPU (b)" })), ["checkDevice"]);
  mock.timers.setTime(1.8e12);
});

test("a kernel that is wrong is avoided in later visits too, told of, and tried again when the person asks", async () => {
  const wrong: DeviceCheck = { avoided: ["half-linear"], usable: true, note: "This GPU computes wrongly." };
  const first = await visitWith(wrong);
  assert.deepEqual([shown(first)?.device, shown(first)?.note], ["WebGPU (a)", "This GPU computes wrongly."]);
  const later = await visitWith(RIGHT);
  const { scheduler } = later.bench.session;
  assert.deepEqual(checks(later), ["takeCheck"]);
  assert.deepEqual([shown(later)?.note, scheduler.gpuDoubted.peek()], ["This GPU computes wrongly.", true]);
  assert.match(await diagnosticsOf(later.bench.session), /Check of the GPU: This GPU computes wrongly\. \(in an earlier visit\)/);
  scheduler.forgiveGpu();
  const again = await visitWith(RIGHT);
  assert.deepEqual(checks(again), ["checkDevice"]);
  assert.deepEqual([shown(again)?.note, again.bench.session.scheduler.gpuDoubted.peek()], [null, false]);
});

test("a GPU that cannot be used gives way to the CPU, whoever asked for it, and the page says why", async () => {
  const useless: DeviceCheck = { avoided: [], usable: false, note: "This GPU computes wrongly, so the CPU is used." };
  for (const choice of ["auto", "webgpu"] as const) {
    for (const known of [false, true]) {
      const visit = await visitWith(useless, { choice });
      assert.deepEqual(visit.world.choices, [choice, "cpu"], `${choice} ${known}`);
      assert.deepEqual([shown(visit)?.device, shown(visit)?.note], ["CPU", useless.note]);
      assert.ok(visit.bench.session.scheduler.gpuDoubted.peek());
      visit.world.engine?.die("something else");
      await visit.rest();
      assert.deepEqual(visit.world.choices, [choice, "cpu", "cpu"], "it is not tried again in this visit");
    }
    kept.clear();
  }
});

test("the CPU needs no check, and nothing is made of what cannot be read", async () => {
  const cpu = await visitWith(RIGHT, { device: "CPU" });
  assert.deepEqual(checks(cpu), []);
  for (const text of ["", "no JSON", "null", "[]", '{"of":"x"}', '{"of":null,"when":1.8e12,"check":{}}']) {
    kept.set("graysam-gpu-check", text);
    assert.deepEqual(checks(await visitWith(RIGHT)), ["checkDevice"], text);
  }
});
