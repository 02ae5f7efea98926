// A search for all objects holds hundreds of megabytes in the engine: it goes with whatever ends it.

import type { AutomaticMaskSettings } from "../../www/engine/graysam.js";
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

/** Requests of a whole search. */
const METHODS = ["suitedSide", "beginAutomaticMasks", "advanceAutomaticMasks", "advanceAutomaticMasks", "advanceAutomaticMasks"] as const;

async function visitOf(world: World) {
  const visit = await Visit.begin(world, "cpu", [labelledImage("a")]);
  await visit.rest();
  await visit.bench.session.openImage(visit.bench.project.images.peek()[0].source);
  await visit.rest();
  world.requests.length = 0;
  return visit;
}

/** @param ends called when the request of this place has been made */
async function searchUntil(visit: Visit, place: number, ends: () => unknown) {
  const { requests } = visit.world;
  const { automaticMasks } = visit.bench.session;
  automaticMasks.start({ method: "grid", settings: {} as AutomaticMaskSettings });
  await visit.until(`request no. ${place} is made`, () => requests.length >= place);
  await ends();
  await visit.rest();
}

for (const [what, ends] of Object.entries({
  cancelled: ({ bench }: Visit) => bench.session.automaticMasks.cancel(),
  "ended by another image": ({ bench }: Visit) => bench.session.openImage(sourceOf("b")),
  "ended by another display": ({ bench }: Visit) =>
    bench.images.setDisplay({ ...(bench.project.display.peek() ?? assert.fail("none")), gamma: 2 }),
})) {
  test(`a search that is ${what} is dropped in the engine, whenever that is`, async () => {
    for (let place = 1; place <= METHODS.length; place++) {
      const world = new World();
      const visit = await visitOf(world);
      await searchUntil(visit, place, () => ends(visit));
      assert.equal(world.requests[place - 1], METHODS[place - 1]);
      assert.equal(world.engine?.searching, false, `after ${METHODS[place - 1]}, no. ${place}`);
      assert.equal(visit.bench.session.automaticMasks.progress.peek(), undefined);
    }
  });
}

test("a search that fails is dropped in the engine", async () => {
  const world = new World();
  const visit = await visitOf(world);
  await searchUntil(visit, 2, () => world.errors.set("advanceAutomaticMasks", "The device failed."));
  assert.equal(world.engine?.searching, false);
  assert.equal(visit.sentence, "The device failed.");
});
