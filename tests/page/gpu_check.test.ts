// The GPU is trusted with what was found right on it, and what was found is not asked for in each visit.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import type { DeviceCheck, DeviceSpeed } from "../../www/engine/graysam.js";
import { diagnosticsOf } from "../../www/session/diagnostics.js";
import { speedLines } from "../../www/session/gpu_speed.js";
import { registryOf } from "./commands.js";
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

const TILES = { single: "128 × 128", half: "64 × 64" } as const;
const RIGHT: DeviceCheck = { avoided: [], usable: true, note: null, tiles: TILES };

async function visitWith(
  check: DeviceCheck,
  { device = "WebGPU (a)", browser = "Browser/1", choice = "auto" as "auto" | "webgpu", world = new World() } = {},
) {
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
  const wrong: DeviceCheck = { avoided: ["half-linear"], usable: true, note: "This GPU computes wrongly.", tiles: TILES };
  const first = await visitWith(wrong);
  assert.deepEqual([shown(first)?.device, shown(first)?.note], ["WebGPU (a)", "This GPU computes wrongly."]);
  const later = await visitWith(RIGHT);
  const { scheduler } = later.bench.session;
  assert.deepEqual(checks(later), ["takeCheck"]);
  assert.deepEqual([shown(later)?.note, scheduler.gpuDoubted.peek()], ["This GPU computes wrongly.", true]);
  assert.match(
    await diagnosticsOf(later.bench.session),
    /Check of the GPU: This GPU computes wrongly\. \(in an earlier visit\); tiles 128 × 128, in float16 64 × 64/,
  );
  scheduler.forgiveGpu();
  const again = await visitWith(RIGHT);
  assert.deepEqual(checks(again), ["checkDevice"]);
  assert.deepEqual([shown(again)?.note, again.bench.session.scheduler.gpuDoubted.peek()], [null, false]);
});

test("a GPU that cannot be used gives way to the CPU, whoever asked for it, and the page says why", async () => {
  const useless: DeviceCheck = {
    ...RIGHT,
    usable: false,
    note: "This GPU computes wrongly, so the CPU is used.",
  };
  for (const choice of ["auto", "webgpu"] as const) {
    for (const known of [false, true]) {
      const visit = await visitWith(useless, { choice });
      assert.deepEqual(visit.world.choices, [choice, "cpu"], `${choice} ${known}`);
      assert.deepEqual([shown(visit)?.device, shown(visit)?.note], ["CPU", useless.note]);
      assert.ok(visit.bench.session.scheduler.gpuDoubted.peek());
      visit.world.engine?.die("something else");
      await visit.rest();
      assert.deepEqual(visit.world.choices, [choice, "cpu", "cpu"], "it is not tried again in this visit");
      assert.deepEqual([shown(visit)?.device, shown(visit)?.note], ["CPU", useless.note]);
      assert.ok(visit.bench.session.scheduler.gpuDoubted.peek());
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

test("a check that this engine does not understand is made anew", async () => {
  await visitWith(RIGHT);
  const world = new World();
  world.takesChecks = false;
  const visit = await visitWith(RIGHT, { world });
  assert.deepEqual(checks(visit), ["takeCheck", "checkDevice"]);
  assert.deepEqual([shown(visit)?.device, visit.bench.session.scheduler.stopped.peek()], ["WebGPU (a)", false]);
});

test("tiles are chosen, but not where the engine died over it", async () => {
  const world = new World();
  let died = false;
  const dies = () => {
    if (!died) world.engine?.die("the GPU was lost");
    died = true;
    return RIGHT;
  };
  Object.defineProperty(world, "check", { get: dies, set: () => {} });
  const visit = await visitWith(RIGHT, { world });
  assert.deepEqual(world.choosesTiles, [true, false]);
  assert.equal(shown(visit)?.device, "WebGPU (a)");
  kept.delete("graysam-gpu-check");
  const next = await visitWith(RIGHT);
  assert.deepEqual(next.world.choosesTiles, [true], "a check that went well is no reason");
});

test("what breaks something off has a GPU that does not answer waited for less", async () => {
  const visit = await visitWith(RIGHT);
  const registry = registryOf(visit.bench);
  const ways = ["encode.cancel", "automaticMasks.cancel", "suggestion.cancel", "training.stop"];
  for (const way of ways) registry.get(way).run();
  assert.equal(visit.world.engine?.hurried, ways.length);
});

const SPEED: DeviceSpeed = {
  fault: null,
  tiles: TILES,
  kernels: {
    by_gpu_clock: true,
    product_tflops: 2,
    kernels: [
      { name: "linear layer", seconds: 0.0064, tflops: 3, of_product: 150, of_encoder: 80 },
      { name: "3 × 3 convolution", seconds: 0.02, tflops: 0.5, of_product: 25, of_encoder: null },
    ],
  },
  model: {
    device: "WebGPU (a)",
    runs: 3,
    encoder_s: 0.25,
    decoder_s: 0.0081,
    training_step_s: 0.06,
    matmul_tflops: 3,
    encoder_share: null,
    encoder_memory_mb: null,
    decoder_memory_mb: null,
    memory_mb: null,
  },
};

test("a person's check of the GPU says how fast each part is, and the diagnostics repeat it", async () => {
  const visit = await visitWith(RIGHT);
  const { gpuSpeed } = visit.bench.session;
  visit.world.speed = SPEED;
  const measured = gpuSpeed.measure();
  assert.ok(gpuSpeed.measuring.peek());
  await measured;
  assert.ok(!gpuSpeed.measuring.peek());
  const lines = speedLines(SPEED);
  assert.deepEqual(lines, [
    "Check and measurement of WebGPU (a): all is right",
    "  encoding 250 ms, click 8.10 ms, training step 60 ms",
    "  a plain product: 2.000 TFLOP/s, by the GPU's clock",
    "  linear layer: 6.40 ms, 3.000 TFLOP/s, 150 % of the product's rate, 80 % of ViT-B's encoder",
    "  3 × 3 convolution: 20 ms, 0.500 TFLOP/s, 25 % of the product's rate",
    "  tiles: 128 × 128, in float16 64 × 64",
  ]);
  assert.ok((await diagnosticsOf(visit.bench.session)).includes(lines.join("\n")));
});

test("what a person's check finds wrong is looked for in the next visit, and a measurement that fails is told", async () => {
  const visit = await visitWith(RIGHT);
  visit.world.speed = { ...SPEED, fault: "This GPU computes wrongly." };
  await visit.bench.session.gpuSpeed.measure();
  assert.match(visit.bench.notices.current.peek()?.sentence ?? "", /reload the page/);
  assert.deepEqual(checks(await visitWith(RIGHT)), ["checkDevice"]);
  visit.world.speed = undefined;
  await visit.bench.session.gpuSpeed.measure();
  assert.ok(!visit.bench.session.gpuSpeed.measuring.peek());
  assert.match(visit.bench.notices.current.peek()?.sentence ?? "", /measureDevice/);
});
