// The session against a stand-in engine: what goes wrong without a crash, and what overtakes what.

import type { AutomaticMaskSettings } from "../../www/engine/graysam.js";
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { pause, World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

const SETTINGS = { steps: 2, batch: 1, learning_rate: 1e-4, rounds: 1, points: 0.5, held_out: 0.5, evaluate_every: 1, seed: 0 };

/** A visit with an encoded image. */
async function visitOf(world = new World(), names = ["a"]) {
  const visit = await Visit.begin(world, "cpu", names.map(labelledImage));
  await visit.rest();
  await open(visit, "a");
  return visit;
}

function openSource({ bench: { session, project } }: Visit, name: string) {
  return session.openImage(project.images.peek().find((image) => image.name === name)?.source ?? sourceOf(name));
}

async function open(visit: Visit, name: string) {
  const opened = await openSource(visit, name);
  await visit.rest();
  return opened;
}

function click({ bench }: Visit, x: number, y: number) {
  bench.prompts.add({ kind: "point", x, y, positive: true });
}

test("an engine that cannot be made is told of, and tried again when something is asked for", async () => {
  const world = new World();
  world.errors.set("create", "This browser has no WebAssembly.");
  const visit = await Visit.begin(world);
  await visit.rest();
  assert.deepEqual([visit.bench.session.state.peek(), visit.sentence, world.engines], ["stopped", "This browser has no WebAssembly.", 1]);
  world.errors.clear();
  assert.ok(await open(visit, "a"));
  visit.checkAgreement();
});

test("an engine that dies soon after it is at rest, each time, is stopped; one that does so now and then is not", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  for (const [minutes, crashes] of [
    [0.1, 4],
    [1, 10],
  ]) {
    const world = new World();
    const visit = await visitOf(world);
    const { scheduler } = visit.bench.session;
    while (world.crashes < 10 && !scheduler.stopped.peek()) {
      now += minutes * 60_000;
      world.engine?.die("at rest");
      await visit.rest();
    }
    assert.equal(world.crashes, crashes);
    if (crashes === 4) assert.match(visit.sentence, /4 times in a row and was stopped/);
    assert.ok(await open(visit, "a"), "it is started again when something is asked for");
    visit.checkAgreement();
  }
});

test("a default model that cannot be fetched is told of, and fetched again when it is asked for", async () => {
  const world = new World();
  world.modelStatus = 404;
  const visit = await Visit.begin(world);
  const { session } = visit.bench;
  await visit.until("the fetch has failed", () => session.model.failed.peek());
  await visit.rest();
  assert.match(visit.sentence, /could not be fetched \(status 404\)/);
  assert.equal(session.state.peek(), "stopped");
  world.modelStatus = 200;
  session.openModel({ kind: "default" });
  await visit.until("the model is loaded", () => session.model.loaded.peek());
  await visit.rest();
  assert.equal(session.state.peek(), "ready");
});

test("a decoder stays in use where another model is asked for in vain", async () => {
  const world = new World();
  world.modelStatus = 404;
  const visit = await Visit.begin(world, "cpu", [labelledImage("a")]);
  const { session } = visit.bench;
  await visit.until("the fetch has failed", () => session.model.failed.peek());
  session.openModel({ kind: "file", file: new File(["ViT-B"], "ViT-B") });
  await visit.rest();
  await open(visit, "a");
  session.decoder.open(new Blob(["decoder"]));
  click(visit, 3, 3);
  await visit.rest();
  const { mask } = visit;
  for (const source of [{ kind: "default" }, { kind: "file", file: new File(["bad model"], "bad model") }] as const) {
    session.openModel(source);
    await visit.until("it is given up", () => session.model.requested.peek() === undefined);
    await visit.rest();
    assert.deepEqual([session.model.info.peek()?.name, session.decoder.used.peek()], ["ViT-B", true]);
    assert.deepEqual(visit.mask, mask);
    visit.checkAgreement();
  }
});

test("files that are no image or no model change nothing", async () => {
  const visit = await visitOf();
  const { session } = visit.bench;
  click(visit, 3, 3);
  await visit.rest();
  assert.equal(await open(visit, "bad image"), false);
  assert.equal(visit.sentence, "The image bad image cannot be opened: bad image is no image.");
  session.openModel({ kind: "file", file: new File(["bad model"], "bad model") });
  await visit.rest();
  assert.equal(visit.sentence, "bad model is no model.");
  assert.equal(visit.bench.draft.rounds.peek().length, 1);
  visit.checkAgreement();
});

test("of images that are asked for in a row the last one is opened", async () => {
  const visit = await visitOf();
  const opened = await Promise.all(["b", "c", "d"].map((name) => openSource(visit, name)));
  await visit.rest();
  assert.deepEqual(opened, [false, false, true]);
  const running = openSource(visit, "e");
  await pause();
  assert.deepEqual(await Promise.all([running, openSource(visit, "f")]), [true, true], "the engine was at the first one already");
  await visit.rest();
  visit.checkAgreement();
  assert.equal(visit.bench.project.current.peek()?.name, "f");
});

test("an image that a GPU dies of is settled where another one was asked for meanwhile", async () => {
  const world = new World();
  world.deadly = (_, method) => method === "openImage" && world.engines === 1;
  const visit = await Visit.begin(world, "auto");
  await visit.rest();
  const first = openSource(visit, "a");
  await visit.until("it is being opened", () => visit.bench.session.scheduler.busy.peek());
  assert.deepEqual(await Promise.all([first, openSource(visit, "b")]), [false, true]);
  await visit.rest();
  visit.checkAgreement();
});

test("prompts that are taken back and given again while they are answered are answered once more", async () => {
  const visit = await visitOf();
  const { draft, prompts, history } = visit.bench;
  click(visit, 3, 3);
  await visit.rest();
  prompts.clear();
  await history.undo();
  await visit.rest();
  visit.checkAgreement();
  for (const turns of [1, 2, 3]) {
    click(visit, 8, 8);
    for (let i = 0; i < turns; i++) await pause();
    prompts.clear();
    click(visit, 5, 5);
    await visit.rest();
    visit.checkAgreement();
    assert.equal(draft.seen.peek(), 1);
  }
});

test("prompts that the engine refuses are taken back to those it has answered", async () => {
  const world = new World();
  const visit = await visitOf(world);
  click(visit, 3, 3);
  await visit.rest();
  world.errors.set("predict", "The prompt lies outside of the image.");
  click(visit, 8, 8);
  await visit.rest();
  assert.equal(visit.sentence, "The prompt lies outside of the image.");
  world.errors.clear();
  await visit.rest();
  assert.equal(visit.bench.draft.rounds.peek().length, 1);
  visit.checkAgreement();
});

test("an encode is cancelled, and taken up again by a prompt", async () => {
  const visit = await Visit.begin(new World());
  await visit.rest();
  const { image } = visit.bench.session;
  const opened = openSource(visit, "a");
  await visit.until("it is being encoded", () => image.encoding.peek());
  assert.ok(await opened);
  image.cancelEncode();
  await visit.rest();
  assert.deepEqual([image.encodePaused.peek(), visit.bench.session.state.peek()], [true, "ready"]);
  click(visit, 3, 3);
  await visit.rest();
  visit.checkAgreement();
  assert.equal(visit.bench.session.state.peek(), "masked");
});

test("a display that is changed during its encode is encoded as it is in the end", async () => {
  const visit = await visitOf();
  const { images, project, session } = visit.bench;
  click(visit, 3, 3);
  for (const gamma of [2, 3, 4]) {
    const display = project.display.peek() ?? assert.fail("no image is open");
    images.setDisplay({ ...display, gamma });
    for (let turns = 0; turns < gamma; turns++) await pause();
  }
  await visit.rest();
  visit.checkAgreement();
  assert.equal(project.display.peek()?.gamma, 4);
  const display = { ...session.image.display.peek(), gamma: 9 } as NonNullable<ReturnType<typeof project.display.peek>>;
  session.image.adjust({ display, part: undefined });
  await visit.rest();
  const shown = new TextDecoder().decode(session.image.rendering.peek()?.image.planes[0]);
  assert.deepEqual([JSON.parse(shown)[1].gamma, session.state.peek()], [9, "masked"], "a moving control is shown, not encoded");
  session.image.adjust(undefined);
  await visit.rest();
  visit.checkAgreement();
});

test("a search for all objects ends with its image and its display, and is told of", async () => {
  const visit = await visitOf(new World(), ["a", "b"]);
  const { automaticMasks } = visit.bench.session;
  const start = async () => {
    automaticMasks.start({ method: "grid", settings: {} as AutomaticMaskSettings });
    await pause();
    await pause();
    assert.ok(automaticMasks.progress.peek());
  };
  await start();
  await open(visit, "b");
  assert.match(visit.sentence, /^The search for objects was ended, because another image was opened/);
  await start();
  visit.bench.images.setDisplay({ ...(visit.bench.project.display.peek() ?? assert.fail("none")), invert: true });
  await visit.rest();
  assert.match(visit.sentence, /because the display was changed/);
  await start();
  assert.ok(automaticMasks.cancel());
  await visit.rest();
  assert.equal(visit.bench.project.current.peek()?.labels.objects, 2, "nothing was found");
  visit.checkAgreement();
});

test("a stored training is offered although the engine died while it was read", async () => {
  const world = new World();
  world.checkpoint = {
    base: "sha of MobileSAM",
    model: "MobileSAM",
    settings: SETTINGS,
    step: 1,
    when: 0,
    images: ["a"],
    losses: [1],
    evaluations: [],
  };
  world.deadly = (_, method) => method === "storedTraining" && world.crashes === 0;
  const visit = await Visit.begin(world, "cpu", [labelledImage("a")]);
  await visit.rest();
  const { training } = visit.bench.session;
  assert.deepEqual([training.phase, training.stored?.step, training.resumeObstacle], ["stored", 1, ""]);
  training.resume();
  await visit.rest();
  assert.deepEqual([training.phase, training.info?.step], ["done", 2]);
});

test("a decoder that cannot be read again after a crash is given up", async () => {
  const world = new World();
  const visit = await visitOf(world);
  const { decoder } = visit.bench.session;
  click(visit, 3, 3);
  decoder.open(new Blob(["decoder"]));
  await visit.rest();
  decoder.compare(true);
  await visit.rest();
  visit.checkAgreement();
  world.errors.set("openDecoder", "The file cannot be read any more.");
  world.engine?.die("at rest");
  await visit.rest();
  assert.equal(visit.sentence, "The file cannot be read any more.");
  assert.deepEqual([decoder.info.peek(), decoder.comparing.peek()], [undefined, false]);
  visit.checkAgreement();
});

test("a training is stopped, goes on in the engine, and begins again from the labels as they were", async () => {
  const world = new World();
  const visit = await visitOf(world, ["a", "b"]);
  const { session, objects } = visit.bench;
  const { training } = session;
  training.start({ ...SETTINGS, steps: 40, evaluate_every: 20 });
  await visit.until("a few steps are done", () => (training.info?.step ?? 0) > 5);
  training.stop();
  await visit.rest();
  const stopped = training.info?.step ?? 0;
  assert.deepEqual([training.phase, training.stored?.step, world.checkpoint?.step], ["stopped", stopped, stopped]);
  training.resume();
  await visit.until("it goes on", () => (training.info?.step ?? 0) > stopped);
  assert.equal(world.requests.filter((method) => method === "startTraining").length, 1);
  objects.remove([1]);
  world.engine?.die("in a training");
  await pause();
  assert.match(visit.sentence, new RegExp(`and the training goes on from its last checkpoint, after step ${stopped}\\.$`));
  await visit.rest();
  assert.deepEqual([training.phase, training.info?.step], ["done", 40]);
  training.resume();
  await visit.rest();
  assert.equal(world.requests.filter((method) => method === "resumeTraining").length, 2, "other labels are another training set");
});

/** A training whose piece of work is under way, and what ends that. */
async function pieceUnderWay(world: World) {
  const visit = await visitOf(world, ["a", "b"]);
  let end = () => {};
  world.trains = new Promise((resolve) => (end = resolve));
  visit.bench.session.training.start({ ...SETTINGS, steps: 40, evaluate_every: 20 });
  await visit.until("a piece is begun", () => world.requests.at(-1) === "train");
  return { visit, end };
}

test("a click is answered beside a piece of training that has threads of its own, and after one that has none", async () => {
  for (const beside of [true, false]) {
    const world = new World();
    world.trainsBeside = beside;
    const { visit, end } = await pieceUnderWay(world);
    click(visit, 3, 3);
    for (let i = 0; i < 50; i++) await pause();
    assert.equal(visit.bench.draft.answer.peek() !== undefined, beside);
    end();
    await visit.rest();
    assert.equal(visit.bench.session.training.phase, "done");
    visit.checkAgreement();
  }
});

test("what is done beside a piece of training waits for it where that concerns the training", async () => {
  const world = new World();
  const { visit, end } = await pieceUnderWay(world);
  const { training, model } = visit.bench.session;
  model.open({ kind: "file", file: new File(["other"], "other") });
  training.stop();
  for (let i = 0; i < 50; i++) await pause();
  assert.equal(world.engine?.model, "MobileSAM");
  end();
  await visit.rest();
  assert.equal(world.engine?.model, "other");
  assert.equal(world.checkpoint?.step, training.stored?.step, "the piece was not lost");
  visit.checkAgreement();
});

test("an engine that dies in a piece of training is started again, and the training goes on", async () => {
  const world = new World();
  const { visit, end } = await pieceUnderWay(world);
  world.engine?.die("in a piece of training");
  end();
  await visit.rest();
  assert.equal(world.engines, 2);
  assert.equal(visit.bench.session.training.phase, "done");
  visit.checkAgreement();
});

test("images with nothing but tiny objects are left out of a training, which is told", async () => {
  const world = new World();
  const visit = await visitOf(world, ["a", "b", "c", "d"]);
  const { training } = visit.bench.session;
  world.tiny.add("a").add("c");
  training.start(SETTINGS);
  await visit.rest();
  assert.deepEqual([training.phase, training.info?.step, training.stored?.images], ["done", 2, ["b", "d"]]);
  assert.deepEqual(world.heldOut, ["d"], "as before");
  assert.match(visit.sentence, /^a and 1 other image were left out of the training/);
  world.tiny.add("b");
  training.start(SETTINGS);
  await visit.rest();
  assert.deepEqual([training.phase, training.stored?.images], ["done", ["d"]]);
  assert.match(visit.sentence, /^a and 2 other images were left out .* Only d is left/);
  world.tiny.add("d");
  training.start(SETTINGS);
  await visit.rest();
  assert.match(visit.sentence, /^a and 3 other images were left out .* Label at least two objects/);
  assert.equal(training.phase, "stored");
  world.tiny.clear();
  training.start(SETTINGS);
  await visit.until("a step was done", () => (training.info?.step ?? 0) > 0);
  world.engine?.die("in a training");
  await visit.rest();
  assert.deepEqual([training.phase, training.stored?.images.length], ["done", 4]);
});

test("a stored thumbnail is read when it is shown, and made anew where it cannot be", async () => {
  const first = await visitOf(new World(), ["a", "b"]);
  const isThere = () => ["a", "b"].every((id) => first.storage.names("project").includes(`${id}.thumbnail`));
  await first.until("both thumbnails are stored", () => isThere() && !first.keeper.storing);
  const visit = Visit.again(new World());
  await visit.keeper.restored;
  const [a, b] = visit.bench.project.images.peek();
  const { thumbnails } = visit.bench.session;
  const stored = [a, b].map(({ thumbnail }) => (thumbnail && !(thumbnail instanceof Blob) ? thumbnail : assert.fail("it is not stored")));
  visit.storage.breakFile("b.thumbnail");
  assert.ok(await thumbnails.read(a, stored[0]));
  assert.equal(await thumbnails.read(b, stored[1]), undefined);
  visit.storage.breakFile("b.thumbnail", false);
  await visit.rest();
  assert.equal(a.thumbnail, stored[0]);
  assert.ok(b.thumbnail instanceof Blob && b.thumbnail.size > 0);
});

test("images of a folder that cannot be read are named, with the reasons kept for the list", async () => {
  const visit = await visitOf();
  const { project, session } = visit.bench;
  const reasons = () => [...session.thumbnails.unreadable.peek().values()];
  project.add([sourceOf("bad b"), sourceOf("c")]);
  await visit.rest();
  assert.equal(visit.sentence, "The image bad b cannot be opened: bad b is no image.");
  assert.deepEqual(reasons(), ["bad b is no image."]);
  project.add([sourceOf("bad d"), sourceOf("bad e")]);
  await visit.rest();
  assert.equal(visit.sentence, "The image bad e and 2 more cannot be opened: the list says why.");
  assert.deepEqual(reasons(), ["bad b is no image.", "bad d is no image.", "bad e is no image."]);
  assert.deepEqual(
    project.images.peek().map(({ thumbnail }) => thumbnail !== undefined),
    [true, false, true, false, false],
  );
  assert.equal(project.current.peek()?.name, "a");
  visit.checkAgreement();
});

test("a model and its decoder of instances are opened together, in whatever order", async () => {
  const [model, instances] = [new File(["Their model"], "vit_b.pt"), new File(["instances"], "vit_b_decoder.pt")];
  for (const [file, decoder] of [
    [model, instances],
    [instances, model],
  ]) {
    const visit = await visitOf();
    visit.bench.session.openModel({ kind: "file", file, decoder });
    await visit.rest();
    const { engine } = visit.world;
    assert.deepEqual([engine?.model, engine?.instances], ["Their model", "instances"]);
    visit.checkAgreement();
  }
});

test("a decoder of instances is opened beside the model that is there, and goes with it", async () => {
  const visit = await visitOf();
  const { session } = visit.bench;
  click(visit, 3, 3);
  await visit.rest();
  session.openModel({ kind: "file", file: new File(["instances"], "vit_b_decoder.pt") });
  await visit.rest();
  assert.match(visit.sentence, /^vit_b_decoder.pt is open beside .* right only with the model that it was trained with/);
  assert.equal(session.state.peek(), "masked", "what was there stays");
  visit.checkAgreement();
  session.openModel({ kind: "default" });
  await visit.rest();
  assert.equal(session.model.info.peek()?.instances, false);
  visit.checkAgreement();
});

test("a model whose decoder of instances is refused is there without it", async () => {
  const visit = await visitOf();
  const [file, decoder] = [new File(["Their model"], "vit_b.pt"), new File(["instances of another"], "decoder.pt")];
  visit.bench.session.openModel({ kind: "file", file, decoder });
  await visit.rest();
  assert.match(visit.sentence, /is for another model/);
  assert.deepEqual([visit.bench.session.model.info.peek()?.name, visit.bench.session.model.info.peek()?.instances], ["Their model", false]);
  visit.world.engine?.die("later");
  await visit.rest();
  visit.checkAgreement();
});
