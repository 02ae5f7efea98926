// The engine dies at every request in turn, and each time the work comes back.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import type { DeviceChoice } from "../../www/engine/graysam.js";
import { Scenario } from "./scenario.js";
import { World } from "./stand_in_engine.js";
import { sourceOf } from "./visit.js";

type Wait = (milliseconds: number) => void;

/** A training's piece of work takes four seconds, so that it keeps checkpoints; timers wait to be let go. */
function clocks(t: TestContext): Wait {
  let now = 0;
  t.mock.method(performance, "now", () => (now += 4000));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  return (milliseconds: number) => t.mock.timers.tick(milliseconds);
}

/** A visit without a crash: what is to come of every other one. */
async function calm(wait: Wait, device: DeviceChoice = "cpu") {
  const world = new World();
  const scenario = await Scenario.begin(world, wait, device);
  await scenario.run();
  assert.deepEqual([world.engines, world.crashes], [1, 0]);
  return { outcomes: scenario.outcomes, requests: [...world.requests] };
}

/** What a crash drops, and the person has to ask for again. */
const DROPPED = ["open a", "open b", "preview", "search", "model", "open a decoder", "open instances", "search instances"];

test("the engine dies once, at any request, and all is as it would have been", async (t) => {
  const wait = clocks(t);
  const { outcomes, requests } = await calm(wait);
  t.diagnostic(`${2 * requests.length} crashes`);
  for (const late of [false, true]) {
    for (const [i, method] of requests.entries()) {
      const world = new World();
      world.deadly = (place) => place === i + 1;
      world.late = late;
      const scenario = await Scenario.begin(world, wait);
      const where = `${late ? "after" : "before"} request ${i + 1}, ${method}`;
      await scenario.run().catch((error) => assert.fail(`a crash ${where}: ${error.message}`));
      assert.deepEqual(scenario.outcomes, outcomes, where);
      assert.deepEqual([world.crashes, world.engines, scenario.crashes.length], [1, 2, 1], where);
      for (const step of scenario.repeated) assert.ok(DROPPED.includes(step), `${where}: ${step} was dropped`);
    }
  }
});

test("after four crashes in a row, from any request on, the engine is started again when it is asked for", async (t) => {
  const wait = clocks(t);
  const { outcomes, requests } = await calm(wait);
  t.diagnostic(`${requests.length} places`);
  for (const [i, method] of requests.entries()) {
    const world = new World();
    world.deadly = (place) => place > i && place <= i + 4;
    const scenario = await Scenario.begin(world, wait);
    await scenario.run().catch((error) => assert.fail(`crashes from request ${i + 1}, ${method}, on: ${error.message}`));
    assert.deepEqual(scenario.outcomes, outcomes, `from request ${i + 1}, ${method}, on`);
    assert.deepEqual([world.crashes, world.engines], [4, 5]);
    assert.match(scenario.crashes.at(-1) ?? "", /4 times in a row and was stopped/);
  }
});

test("a GPU that dies at any request is tried once more and then left for the CPU, each time with what killed it", async (t) => {
  const wait = clocks(t);
  const { outcomes, requests } = await calm(wait, "auto");
  t.diagnostic(`${requests.length} places`);
  for (const [i, method] of requests.entries()) {
    const world = new World();
    const again = (asked: string) => world.engines === 2 && world.crashes === 1 && asked === method;
    world.deadly = (place, asked) => place === i + 1 || again(asked);
    const scenario = await Scenario.begin(world, wait, "auto");
    await scenario.run().catch((error) => assert.fail(`a crash at request ${i + 1}, ${method}: ${error.message}`));
    assert.deepEqual(scenario.outcomes, outcomes, `request ${i + 1}, ${method}`);
    const twice = world.crashes === 2;
    // Until it is created nothing is known of the device.
    const expected = method === "create" ? ["auto"] : twice ? ["auto", "auto", "cpu"] : ["auto", "auto"];
    assert.deepEqual(world.choices, expected, method);
    const left = scenario.crashes.map((sentence) => sentence.includes("on the CPU instead of WebGPU"));
    assert.deepEqual(left, method !== "create" && twice ? [false, true] : Array(world.crashes).fill(false));
    for (const step of scenario.repeated)
      assert.ok(["preview", "search", "search instances", "open a decoder"].includes(step), `${step} was dropped`);
  }
});

test("an engine that dies at rest comes back with all that it had", async (t) => {
  const wait = clocks(t);
  const { outcomes } = await calm(wait);
  for (const { step: fatal } of outcomes) {
    const world = new World();
    const scenario = await Scenario.begin(world, wait);
    scenario.atRest = async (step) => {
      if (step !== fatal) return;
      world.engine?.die("at rest");
      await scenario.visit.rest();
    };
    await scenario.run().catch((error) => assert.fail(`a crash after ${fatal}: ${error.message}`));
    assert.deepEqual(scenario.outcomes, outcomes, `after ${fatal}`);
    assert.deepEqual([world.crashes, world.engines, scenario.repeated], [1, 2, []]);
  }
});

test("a GPU that is lost at rest comes back, is left for the CPU when it is lost again, and nothing is lost", async (t) => {
  const wait = clocks(t);
  const { outcomes } = await calm(wait, "auto");
  for (const { step: fatal } of outcomes) {
    const world = new World();
    const scenario = await Scenario.begin(world, wait, "auto");
    const { scheduler } = scenario.visit.bench.session;
    const shown = () => scheduler.device.peek()?.device;
    scenario.atRest = async (step) => {
      if (step !== fatal) return;
      for (const device of ["WebGPU", "CPU"]) {
        world.engine?.die("lost");
        await scenario.visit.rest();
        assert.ok(shown()?.startsWith(device), `${shown()} is shown after ${fatal}`);
      }
    };
    await scenario.run().catch((error) => assert.fail(`losses after ${fatal}: ${error.message}`));
    assert.deepEqual(scenario.outcomes, outcomes, `after ${fatal}`);
    assert.deepEqual([world.choices, scenario.repeated], [["auto", "auto", "cpu"], []]);
  }
});

test("a GPU that is lost for good is left for the CPU, from any request on, and nothing is lost", async (t) => {
  const wait = clocks(t);
  const { outcomes, requests } = await calm(wait, "auto");
  for (const [i, method] of requests.entries()) {
    if (method === "create") continue;
    const world = new World();
    world.deadly = (place, asked) => place > i && asked !== "create" && world.choices.at(-1) === "auto";
    const scenario = await Scenario.begin(world, wait, "auto");
    await scenario.run().catch((error) => assert.fail(`lost from request ${i + 1}, ${method}, on: ${error.message}`));
    assert.deepEqual(scenario.outcomes, outcomes, `from request ${i + 1}, ${method}, on`);
    assert.deepEqual(world.choices.at(-1), "cpu");
    assert.equal(scenario.visit.bench.session.scheduler.device.peek()?.device, "CPU");
  }
});

test("whatever kills the engine each time, or fails each time, ends", async (t) => {
  const wait = clocks(t);
  const { requests } = await calm(wait);
  for (const method of new Set(requests)) {
    for (const fatal of [true, false]) {
      const world = new World();
      if (fatal) world.deadly = (_, asked) => asked === method;
      else world.errors.set(method, `No ${method} today.`);
      const scenario = await Scenario.begin(world, wait);
      scenario.resigned = true;
      await scenario.run().catch((error) => assert.fail(`${method} ${fatal ? "kills" : "fails"}: ${error.message}`));
      const told = fatal ? /^The engine crashed/ : new RegExp(`No ${method} today`);
      const silent = !fatal && method === "encodeAhead";
      assert.ok(silent || scenario.sentences.some((sentence) => told.test(sentence)), `${method} is told of`);
      world.deadly = () => false;
      world.errors.clear();
      const { session } = scenario.visit.bench;
      assert.ok(await session.openImage(sourceOf("z")), `an image is opened after ${method}`);
      await scenario.visit.rest();
      if (session.model.loaded.peek()) scenario.visit.checkAgreement();
      else assert.ok(method === "loadModel" && !fatal, `the model is there after ${method}`);
    }
  }
});
