// Which channels of an image the engine has open.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { channelName, firstComposite, inChannels, isChannelChoice } from "../../www/document/channels.js";
import { initialDisplay } from "../../www/document/display.js";
import type { ChannelChoice, ImageInfo } from "../../www/engine/graysam.js";
import { factsOf } from "../../www/panels/image_facts.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { infoOf } from "./stand_in_answers.js";
import { World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

const COLOUR: ImageInfo = { ...infoOf(4, 3), channels: ["red", "green", "blue"] };
/** Two channels, three slices and two frames. */
const STACK: ImageInfo = { ...infoOf(4, 3), channels: ["", ""], axes: { channels: 2, slices: 3, frames: 2, order: ["C", "Z", "T"] } };

/** A visit with an encoded image of three channels. */
async function visitOf(world = new World()) {
  world.channels = ["DAPI", "", "actin"];
  const visit = await Visit.begin(world, "cpu", [labelledImage("a")]);
  await visit.rest();
  await visit.bench.session.openImage(visit.bench.project.images.peek()[0].source);
  await visit.rest();
  return visit;
}

function choose({ bench }: Visit, channels: ChannelChoice) {
  const display = bench.project.display.peek();
  if (display) bench.images.setDisplay(inChannels(display, channels));
}

test("another channel is opened with levels of its own, and keeps objects and prompts", async () => {
  const visit = await visitOf();
  const { project, prompts, session, draft, history } = visit.bench;
  const before = project.display.peek();
  prompts.add({ kind: "point", x: 3, y: 3, positive: true });
  await visit.rest();
  choose(visit, { one: 2 });
  await visit.rest();
  visit.checkAgreement();
  assert.deepEqual(visit.world.engine?.channels, { one: 2 });
  assert.equal(session.image.info.peek()?.low, 12);
  assert.equal(project.display.peek()?.black, 12);
  assert.deepEqual([project.current.peek()?.objectCount, draft.rounds.peek().length], [2, 1]);
  history.undo();
  await visit.rest();
  visit.checkAgreement();
  assert.deepEqual(project.display.peek(), before);
  assert.equal(visit.world.engine?.channels, "own");
});

test("an engine that dies at any step of a change of channels comes back with them", async () => {
  const quiet = await visitOf();
  const first = quiet.world.requests.length;
  choose(quiet, { one: 1 });
  await quiet.rest();
  for (let place = first + 1; place <= quiet.world.requests.length; place++) {
    for (const late of [false, true]) {
      const world = Object.assign(new World(), { late });
      world.deadly = (at) => at === place && world.crashes === 0;
      const visit = await visitOf(world);
      choose(visit, { one: 1 });
      await visit.rest();
      assert.equal(world.crashes, 1);
      visit.checkAgreement();
      assert.deepEqual([world.engine?.channels, visit.bench.session.image.info.peek()?.low], [{ one: 1 }, 11]);
    }
  }
});

test("channels that cannot be opened are told of, and those that are open stay", async () => {
  const visit = await visitOf();
  choose(visit, { one: 7 });
  await visit.rest();
  assert.match(visit.sentence, /There is no channel 8/);
  visit.checkAgreement();
  assert.equal(visit.world.engine?.channels, "own");
});

test("an image comes back in its channels, its picture in the list too", async () => {
  const visit = await visitOf();
  const { project, session } = visit.bench;
  choose(visit, { composite: [1, null, 0] });
  await visit.rest();
  const made = project.current.peek()?.thumbnail;
  assert.ok(made instanceof Blob);
  assert.equal(await made.text(), 'a{"composite":[1,null,0]}');
  await session.openImage(sourceOf("b"));
  await visit.rest();
  visit.checkAgreement();
  choose(visit, { one: 1 });
  await visit.rest();
  await session.openImage(project.images.peek()[0].source);
  await visit.rest();
  visit.checkAgreement();
  assert.deepEqual(visit.world.engine?.channels, { composite: [1, null, 0] });
});

test("an image of the same channels is first shown in those of the one before", () => {
  const shown = (channels: ChannelChoice) => ({ ...PLAIN_DISPLAY, channels });
  const chosen = (info: ImageInfo, channels: ChannelChoice, before: ImageInfo) => initialDisplay(info, shown(channels), before).channels;
  assert.deepEqual(chosen(COLOUR, { one: 1 }, COLOUR), { one: 1 });
  assert.equal(chosen(infoOf(4, 3), { one: 1 }, COLOUR), "own", "it has one channel");
  assert.deepEqual(chosen(STACK, { composite: [0, 1, null] }, STACK), { composite: [0, 1, null] });
  assert.equal(chosen(STACK, { one: 1 }, STACK), "own", "the next page may be that channel");
  assert.equal("channels" in initialDisplay(COLOUR, PLAIN_DISPLAY, COLOUR), false, "nothing was chosen");
});

test("channels have their names or numbers, and a composite has no more of them than the image", () => {
  assert.deepEqual(
    [0, 1, 2].map((channel) => channelName(["DAPI", "", "actin"], channel)),
    ["DAPI", "Channel 2", "Actin"],
  );
  assert.deepEqual(firstComposite(COLOUR), { composite: [0, 1, 2] });
  assert.deepEqual(firstComposite(STACK), { composite: [0, 1, null] });
});

test("what is no choice of channels is refused", () => {
  for (const choice of ["own", { one: 0 }, { composite: [null, 4, null] }]) assert.ok(isChannelChoice(choice), JSON.stringify(choice));
  const wrong = ["all", 3, null, {}, { one: -1 }, { one: 0.5 }, { one: null }, { composite: [0, 1] }, { composite: [null, null, null] }];
  for (const choice of wrong) assert.ok(!isChannelChoice(choice), JSON.stringify(choice));
});

test("the line of a stack's page says where it is on the axes that have several", () => {
  // Pages go through channels first: of 12, the tenth is channel 2 of slice 2 of frame 2.
  const page: ImageInfo = { ...STACK, page: 9, pages: 12, place: [1, 1, 1] };
  assert.match(factsOf(page, sourceOf("a.tif")), /^a\.tif, page 10 of 12 \(channel 2, slice 2, frame 2\): 4 × 3/);
  const slices: ImageInfo = { ...page, axes: { channels: 1, slices: 12, frames: 1, order: ["Z", "C", "T"] }, place: [0, 9, 0] };
  assert.match(factsOf(slices, sourceOf("a.tif")), /page 10 of 12 \(slice 10\): /);
});
