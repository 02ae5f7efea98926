// Parts of a large image, which the engine has to encode before it can answer.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

mock.timers.enable({ apis: ["setTimeout"] });

/** A visit with an encoded image. */
async function visitOf(world = new World()) {
  const visit = await Visit.begin(world, "cpu", [labelledImage("a")]);
  await visit.rest();
  const source = visit.bench.project.images.peek()[0].source;
  assert.ok(await visit.bench.session.openImage(source));
  await visit.rest();
  return visit;
}

/** Clicks while the image is looked at in parts of a side. */
function click({ bench }: Visit, x: number, y: number, side: number) {
  bench.prompts.add({ kind: "point", x, y, positive: true }, side);
}

function encodes({ world }: Visit) {
  return world.requests.filter((method) => method === "encode").length;
}

test("the first click in a part waits for its encode, the next one does not", async () => {
  const visit = await visitOf();
  const { session } = visit.bench;
  const before = encodes(visit);
  click(visit, 5, 5, 4);
  await visit.until("the part is encoded", () => session.parts.awaited.peek() !== undefined);
  assert.equal(session.state.peek(), "encoding");
  assert.deepEqual(session.parts.encoding.peek(), { x: 4, y: 4, width: 4, height: 4 });
  await visit.rest();
  visit.checkAgreement();
  assert.equal(encodes(visit), before + 1);
  click(visit, 6, 6, 4);
  await visit.rest();
  visit.checkAgreement();
  assert.equal(encodes(visit), before + 1);
  click(visit, 9, 1, 4);
  await visit.rest();
  assert.equal(encodes(visit), before + 2);
});

test("whoever cancels the encode of a part keeps the prompts, which are asked again on demand", async () => {
  const visit = await visitOf();
  const { session, draft, prompts } = visit.bench;
  click(visit, 5, 5, 0);
  await visit.rest();
  click(visit, 5, 6, 4);
  await visit.until("the part is encoded", () => session.parts.awaited.peek() !== undefined);
  session.cancelEncode();
  await visit.rest();
  assert.equal(session.state.peek(), "ready");
  assert.ok(session.encodePaused.peek());
  assert.equal(draft.rounds.peek().length, 2);
  session.encodeAgain();
  await visit.rest();
  visit.checkAgreement();

  click(visit, 9, 9, 4);
  await visit.until("another part is encoded", () => session.parts.awaited.peek() !== undefined);
  session.cancelEncode();
  await visit.rest();
  prompts.takeBack();
  await visit.rest();
  visit.checkAgreement();
});

test("a part is not encoded while another display is tried out", async () => {
  const visit = await visitOf();
  const { session, project } = visit.bench;
  click(visit, 5, 5, 4);
  await visit.until("the part is encoded", () => session.parts.awaited.peek() !== undefined);
  const display = project.display.peek();
  assert.ok(display);
  session.image.adjust({ display: { ...display, gamma: 3 }, part: undefined });
  await visit.rest();
  assert.equal(visit.world.engine?.parts.size, 0);
  session.image.adjust(undefined);
  await visit.rest();
  visit.checkAgreement();
});

test("prompts that are taken back need no encode any more", async () => {
  const visit = await visitOf();
  const { session, prompts } = visit.bench;
  click(visit, 5, 5, 4);
  await visit.until("the part is encoded", () => session.parts.awaited.peek() !== undefined);
  prompts.clear();
  await visit.rest();
  assert.equal(session.state.peek(), "encoded");
  assert.equal(visit.world.engine?.parts.size, 0);
});

test("another image does not wait for a part of the one before", async () => {
  const visit = await visitOf();
  const { session, project } = visit.bench;
  click(visit, 5, 5, 4);
  await visit.until("the part is encoded", () => session.parts.awaited.peek() !== undefined);
  assert.ok(await session.openImage(sourceOf("b")));
  await visit.rest();
  assert.equal(project.current.peek()?.name, "b");
  visit.checkAgreement();
});

test("a part that cannot be encoded is told of, and its prompts are taken back", async () => {
  const visit = await visitOf();
  const { session } = visit.bench;
  visit.world.errors.set("encode", "The device failed.");
  click(visit, 5, 5, 4);
  await visit.rest();
  assert.equal(visit.sentence, "The device failed.");
  assert.equal(session.state.peek(), "encoded");
  assert.equal(visit.bench.draft.rounds.peek().length, 0);
});

test("what is in view is encoded ahead once it is at rest, and a click breaks that off", async () => {
  const visit = await visitOf();
  const { session, sight } = visit.bench;
  sight.box.value = { x0: 4, y0: 4, x1: 8, y1: 8 };
  sight.side.value = 4;
  await visit.rest();
  assert.equal(visit.world.engine?.parts.size, 0, "not while it moves");
  mock.timers.tick(2000);
  await visit.until("a part is encoded", () => session.parts.encoding.peek() !== undefined);
  assert.equal(session.state.peek(), "encoded", "nobody waits for it");
  click(visit, 1, 1, 0);
  await visit.rest();
  visit.checkAgreement();
  assert.equal(visit.world.engine?.parts.size, 0);
  mock.timers.tick(2000);
  await visit.rest();
  assert.equal(visit.world.engine?.parts.size, 1);
  const before = encodes(visit);
  mock.timers.tick(10_000);
  await visit.rest();
  assert.equal(encodes(visit), before, "nothing is missing any more");
});

test("a preview shows only what a click would give at once", async () => {
  const visit = await visitOf();
  const { session, sight } = visit.bench;
  session.preview.choose(true);
  sight.side.value = 4;
  session.preview.point({ x: 5, y: 5 });
  await visit.rest();
  assert.equal(session.preview.mask.peek(), undefined);
  session.preview.clear();
  click(visit, 5, 5, 4);
  await visit.rest();
  visit.bench.prompts.clear();
  session.preview.point({ x: 5, y: 6 });
  await visit.rest();
  assert.ok(session.preview.mask.peek());
});
