// Find the rest, with a stand-in engine: what is learned, in which images it finds, and what outlasts a crash or a reload.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import type { ProjectImage } from "../../www/document/project.js";
import { suggested, THRESHOLD } from "./stand_in_finder.js";
import { HEIGHT, WIDTH, World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

mock.timers.enable({ apis: ["setTimeout"] });

/** A visit with labelled images, the first of which is open. */
async function begin(world = new World(), names = ["a", "b", "c"]) {
  const visit = await Visit.begin(
    world,
    "cpu",
    names.map((name) => labelledImage(name)),
  );
  await open(visit, names[0]);
  return visit;
}

async function open(visit: Visit, name: string) {
  const source = visit.bench.project.images.peek().find((image) => image.name === name)?.source ?? sourceOf(name);
  await visit.bench.session.openImage(source);
  await visit.rest();
}

async function findRest(visit: Visit) {
  visit.bench.session.finding.findRest();
  await visit.rest();
}

async function findEverywhere(visit: Visit) {
  visit.bench.session.finding.findEverywhere();
  await visit.rest();
}

function image(visit: Visit, name: string): ProjectImage {
  return visit.bench.project.images.peek().find((one) => one.name === name) ?? assert.fail(`there is no ${name}`);
}

/** The boxes of what is suggested in an image, and of what should be. */
function boxes({ suggestions }: ProjectImage) {
  return suggestions.map(({ x0, y0, x1, y1 }) => [x0, y0, x1, y1]);
}

function expected(image: ProjectImage) {
  return suggested(image.runs(), WIDTH, HEIGHT).suggestions.map(({ bounds }) => bounds);
}

/** The file names of what was stored of findings. */
function stored(visit: Visit) {
  return visit.storage.names("project").filter((name) => /finder|suggestions/.test(name));
}

test("without labels there is nothing to learn from; with some the rest is found, the surest one chosen, and told how good it is", async () => {
  const world = new World();
  const visit = await begin(world, ["a"]);
  const { project, session } = visit.bench;
  await open(visit, "empty");
  assert.ok(!session.finding.possible);
  await findRest(visit);
  assert.ok(!world.requests.includes("beginLearning"));
  await open(visit, "a");
  await findRest(visit);
  const { suggestions } = project;
  assert.deepEqual(boxes(image(visit, "a")), expected(image(visit, "a")));
  assert.equal(suggestions.chosen.peek(), suggestions.shown.peek()[0]);
  assert.equal(suggestions.threshold.peek(), THRESHOLD);
  const { quality, before, objects } = suggestions.learned.peek() ?? assert.fail();
  assert.deepEqual([quality, before, objects], [{ examples: 2, found: 2, missed: 0, wrong: 0 }, undefined, 2]);
});

test("what was kept and thrown away teaches at the next search, which finds neither, and what was known before is told", async () => {
  const visit = await begin();
  await findRest(visit);
  const { suggestions, project } = visit.bench;
  const count = image(visit, "a").suggestions.length;
  suggestions.throwAway();
  suggestions.keep();
  await findRest(visit);
  assert.equal(image(visit, "a").suggestions.length, count - 2);
  const { quality, before, objects } = project.suggestions.learned.peek() ?? assert.fail();
  assert.deepEqual([before, objects], [{ examples: 2, found: 2, missed: 0, wrong: 0 }, 3]);
  assert.deepEqual(quality, { examples: 3, found: 3, missed: 0, wrong: 1 }, "the stand-in counts what was thrown away");
});

test("a click is answered between two pieces of the search", async () => {
  const world = new World();
  const visit = await begin(world);
  visit.bench.session.finding.findRest();
  await visit.until("it has begun", () => world.requests.includes("advanceFinding"));
  visit.bench.prompts.add({ kind: "point", x: 5, y: 8, positive: true });
  await visit.rest();
  const [predicted, last] = [world.requests.indexOf("predict"), world.requests.lastIndexOf("advanceFinding")];
  assert.ok(predicted > 0 && predicted < last);
  visit.checkAgreement();
});

test("the slider asks nothing of the engine", async () => {
  const world = new World();
  const visit = await begin(world);
  await findRest(visit);
  const asked = world.requests.length;
  const { suggestions } = visit.bench.project;
  const counts = [0, 0.8, 0.9].map((threshold) => {
    suggestions.threshold.value = threshold;
    return suggestions.shown.peek().length;
  });
  await visit.rest();
  assert.ok(counts[0] > counts[1] && counts[1] > counts[2]);
  assert.equal(world.requests.length, asked);
});

test("all images are searched with what was learned in one, and none of their labels changes", async () => {
  const world = new World();
  const visit = await begin(world);
  const before = ["a", "b", "c"].map((name) => [...image(visit, name).runs()]);
  await findEverywhere(visit);
  assert.equal(world.requests.filter((method) => method === "beginLearning").length, 1, "it is learned first");
  assert.deepEqual(world.found, ["b", "c"]);
  for (const name of ["a", "b", "c"]) assert.deepEqual(boxes(image(visit, name)), expected(image(visit, name)), name);
  assert.deepEqual(
    ["a", "b", "c"].map((name) => [...image(visit, name).runs()]),
    before,
  );
  assert.ok(!visit.bench.session.finding.running.peek());
  assert.deepEqual(visit.bench.session.finding.left.peek(), []);
});

test("an image that was never opened is searched, and has its suggestions when it is", async () => {
  const world = new World();
  const visit = await begin(world, ["a"]);
  visit.bench.project.add([sourceOf("new")]);
  await findEverywhere(visit);
  assert.deepEqual(world.found, ["new"]);
  const count = image(visit, "new").suggestions.length;
  assert.ok(count > 4);
  const [one] = image(visit, "new").suggestions;
  image(visit, "new").suggestions = [...image(visit, "new").suggestions, { ...one, x0: WIDTH - 1, x1: WIDTH + 1 }];
  await open(visit, "new");
  assert.equal(image(visit, "new").suggestions.length, count, "what is not in the image is none of it");
  assert.equal(visit.bench.project.suggestions.free.peek().length, count);
  assert.equal(image(visit, "new").suggestions.length, count);
});

test("a search of all images that is cancelled keeps what is done, drops what is not, and goes on with the rest", async () => {
  const world = new World();
  const visit = await begin(world);
  const { finding } = visit.bench.session;
  finding.findEverywhere();
  await visit.until("c is being searched", () => world.found.includes("c"));
  assert.ok(finding.cancel());
  await visit.rest();
  assert.ok(world.requests.includes("dropFinding") && !world.engine?.finder.busy);
  assert.deepEqual([image(visit, "b").suggestions.length > 0, image(visit, "c").searchedBy], [true, ""]);
  await findEverywhere(visit);
  assert.deepEqual(world.found, ["b", "c", "c"], "b is not searched again");
  assert.equal(world.requests.filter((method) => method === "beginLearning").length, 1);
});

test("after more was labelled in the image that was learned from, all images are searched anew", async () => {
  const world = new World();
  const visit = await begin(world);
  await findEverywhere(visit);
  visit.bench.suggestions.keep();
  await findEverywhere(visit);
  assert.deepEqual(world.found, ["b", "c", "b", "c"]);
  assert.equal(visit.bench.project.suggestions.learned.peek()?.objects, 3);
});

test("what was learned from many objects is not replaced by what fewer in another image teach", async () => {
  const world = new World();
  const visit = await begin(world);
  await findRest(visit);
  visit.bench.suggestions.keep();
  await findRest(visit);
  await open(visit, "b");
  assert.ok(!visit.bench.session.finding.teaches);
  await findRest(visit);
  assert.deepEqual(world.found, ["b"]);
  assert.equal(visit.bench.project.suggestions.learned.peek()?.objects, 3);
  assert.ok(visit.bench.project.suggestions.chosen.peek());
  visit.bench.suggestions.keep();
  assert.ok(visit.bench.session.finding.teaches, "with as many objects it teaches");
});

test("what was thrown away in an image is not suggested there again, though the finder was not told", async () => {
  const visit = await begin();
  await findEverywhere(visit);
  await open(visit, "b");
  const { suggestions, project } = visit.bench;
  suggestions.step(1);
  const gone = project.suggestions.chosen.peek();
  suggestions.throwAway();
  await open(visit, "a");
  visit.bench.suggestions.step(1);
  visit.bench.suggestions.keep();
  await findEverywhere(visit);
  assert.ok(image(visit, "b").suggestions.length > 0);
  assert.ok(!boxes(image(visit, "b")).some(([x0, y0]) => x0 === gone?.x0 && y0 === gone.y0));
});

test("an image that cannot be searched is left out with a sentence, and the others are searched", async () => {
  const world = new World();
  const visit = await begin(world, ["a", "bad", "c"]);
  await findEverywhere(visit);
  assert.match(visit.sentence, /^bad was left out of the search: bad is no image\.$/);
  assert.deepEqual(world.found, ["c"]);
  assert.deepEqual([...visit.bench.session.finding.leftOut.peek().keys()], ["bad"]);
});

test("an image at which the engine dies each time is left out, and the others are searched", async () => {
  const world = new World();
  const visit = await begin(world);
  world.deadly = (_, method) => method === "advanceFinding" && world.found.at(-1) === "b";
  await findEverywhere(visit);
  assert.match(visit.sentence, /b was left out of the search, because it got no further after 3 crashes/);
  assert.equal(world.crashes, 3);
  assert.deepEqual(world.found, ["b", "b", "b", "c"]);
  assert.ok(image(visit, "c").suggestions.length > 0);
});

test("crashes at one image do not count for the next", async () => {
  const world = new World();
  const visit = await begin(world);
  const deaths = new Map([
    ["b", 2],
    ["c", 2],
  ]);
  world.deadly = (_, method) => {
    const [name, left] = [world.found.at(-1) ?? "", deaths.get(world.found.at(-1) ?? "") ?? 0];
    if (method !== "advanceFinding" || left === 0) return false;
    deaths.set(name, left - 1);
    return true;
  };
  await findEverywhere(visit);
  assert.equal(world.crashes, 4);
  assert.ok(!visit.bench.session.scheduler.stopped.peek());
  assert.deepEqual([visit.bench.session.finding.leftOut.peek().size, image(visit, "c").suggestions.length > 0], [0, true]);
});

test("what a search finds that was cancelled in its last moment is not taken", async () => {
  const world = new World();
  const visit = await begin(world);
  world.deadly = (_, method) => method === "finishFinding" && visit.bench.session.finding.cancel() && false;
  await findRest(visit);
  assert.deepEqual([image(visit, "a").suggestions, visit.bench.project.suggestions.learned.peek()], [[], undefined]);
});

test("without an open image, images that were never opened are searched in the usual display", async () => {
  const world = new World();
  const visit = await begin(world, ["a"]);
  await findRest(visit);
  const file = visit.bench.project.suggestions.learned.peek()?.file ?? assert.fail();
  const later = await Visit.begin(world, "cpu");
  later.bench.project.add([sourceOf("x"), sourceOf("y")]);
  later.bench.session.finding.open(file);
  await later.rest();
  await findEverywhere(later);
  assert.deepEqual(world.found, ["x", "y"]);
});

test("another image, another display and another model end a search with a sentence, and nothing is left in the engine", async () => {
  const deeds: [RegExp, (visit: Visit) => unknown][] = [
    [/because another image was opened/, ({ bench }) => bench.session.openImage(sourceOf("z"))],
    [/because another model was opened/, ({ bench }) => bench.session.openModel({ kind: "file", file: new File(["ViT-B"], "ViT-B") })],
    [
      /because the display was changed/,
      ({ bench }) => bench.images.setDisplay({ ...(bench.project.display.peek() ?? assert.fail()), gamma: 2 }),
    ],
  ];
  for (const [sentence, deed] of deeds) {
    const world = new World();
    const visit = await begin(world);
    visit.bench.session.finding.findRest();
    await visit.until("it has begun", () => world.requests.includes("advanceFinding"));
    void deed(visit);
    await visit.rest();
    assert.match(visit.sentence, sentence);
    assert.ok(!world.engine?.finder.busy);
    assert.deepEqual(image(visit, "a").suggestions, []);
    visit.checkAgreement();
  }
});

test("another image may be opened while the others are searched", async () => {
  const world = new World();
  const visit = await begin(world);
  const { session } = visit.bench;
  session.finding.findEverywhere();
  await visit.until("b is being searched", () => world.found.includes("b"));
  await session.openImage(image(visit, "c").source);
  await visit.rest();
  assert.equal(visit.sentence, "");
  assert.deepEqual(world.found, ["b", "c"]);
  visit.checkAgreement();
});

test("what was learned on another model is refused with a sentence, and the labels teach anew", async () => {
  const world = new World();
  const visit = await begin(world);
  await findRest(visit);
  visit.bench.session.openModel({ kind: "file", file: new File(["ViT-B"], "ViT-B") });
  await visit.rest();
  await findEverywhere(visit);
  assert.match(visit.sentence, /learned on another model, MobileSAM/);
  assert.ok(!visit.bench.session.finding.running.peek());
  await findRest(visit);
  await findEverywhere(visit);
  assert.deepEqual(world.found, ["b", "c"]);
});

test("the file of what was learned finds in images without labels, and brings its sureness", async () => {
  const world = new World();
  const visit = await begin(world, ["a"]);
  await findRest(visit);
  visit.bench.files.saveFinder();
  const [{ file, name }] = visit.saved;
  assert.equal(name, "MobileSAM-learned.safetensors");

  const later = await Visit.begin(world, "cpu");
  await later.bench.session.openImage(sourceOf("new"));
  later.bench.session.finding.open(file);
  await later.rest();
  const { suggestions } = later.bench.project;
  assert.deepEqual([suggestions.learned.peek()?.objects, suggestions.learned.peek()?.quality], [2, undefined]);
  suggestions.threshold.value = 0.9;
  await findRest(later);
  assert.ok(suggestions.shown.peek().length > 4);
  assert.equal(suggestions.threshold.peek(), THRESHOLD);
  later.bench.session.finding.open(new Blob(['{"model":"ViT-B","objects":3}']));
  await later.rest();
  assert.match(later.sentence, /learned on another model, ViT-B/);
  assert.equal(suggestions.learned.peek()?.objects, 2, "what was there stays");
});

test("a search of all images goes on with what is opened meanwhile, and ends when what it searches with is taken back", async () => {
  const world = new World();
  const visit = await begin(world);
  const { session, project } = visit.bench;
  await findRest(visit);
  session.finding.findEverywhere();
  await visit.until("b is being searched", () => world.found.includes("b"));
  session.finding.open(new Blob(['{"model":"MobileSAM","objects":5}']));
  await visit.rest();
  assert.equal(project.suggestions.learned.peek()?.objects, 5);
  assert.deepEqual(world.found, ["b", "a", "b", "c"], "each is searched with what was opened");
  assert.deepEqual(new Set(project.images.peek().map(({ searchedBy }) => searchedBy)), new Set([project.suggestions.learned.peek()?.id]));

  session.finding.open(new Blob(['{"model":"MobileSAM","objects":6}']));
  await visit.rest();
  session.finding.findEverywhere();
  await visit.until("c is being searched", () => world.found.at(-1) === "c");
  project.suggestions.learned.value = undefined;
  await visit.rest();
  assert.match(visit.sentence, /because what it searched with was taken back/);
  assert.deepEqual([session.finding.running.peek(), world.engine?.finder.busy], [false, false]);
});

test("what was opened from a file stays when the file is moved", async () => {
  const visit = await begin();
  const file = new Blob(['{"model":"MobileSAM","objects":5}']);
  visit.bench.session.finding.open(file);
  await visit.rest();
  const gone = () => Promise.reject(new DOMException("it was moved", "NotReadableError"));
  Object.assign(file, { text: gone, arrayBuffer: gone });
  await visit.until("it is stored", () => stored(visit).length === 2 && !visit.keeper.storing);
  const kept = visit.bench.project.suggestions.learned.peek()?.file;
  assert.equal(await kept?.text(), '{"model":"MobileSAM","objects":5}');
});

test("a reload brings back what was learned, suggested and thrown away, and the search of all images goes on", async () => {
  const world = new World();
  const visit = await begin(world);
  const { session, project, suggestions } = visit.bench;
  session.finding.findEverywhere();
  await visit.until("c is being searched", () => world.found.includes("c"));
  session.finding.cancel();
  suggestions.throwAway();
  project.suggestions.threshold.value = 0.85;
  await visit.rest();
  await visit.until("it is stored", () => !visit.keeper.storing);
  await visit.untilStored('"c"');
  const [learned, inA, rejected] = [project.suggestions.learned.peek(), boxes(image(visit, "a")), image(visit, "a").rejected];
  assert.equal(rejected.length, 1);

  const again = Visit.again(world);
  await again.keeper.restored;
  await again.rest();
  const now = again.bench.project.suggestions;
  assert.deepEqual({ before: undefined, ...now.learned.peek(), file: undefined }, { ...learned, file: undefined });
  assert.equal(await now.learned.peek()?.file.text(), await learned?.file.text());
  assert.equal(now.threshold.peek(), 0.85);
  assert.deepEqual([boxes(image(again, "a")), image(again, "a").rejected], [inA, rejected]);
  assert.equal(image(again, "c").searchedBy, "");
  await findEverywhere(again);
  assert.deepEqual(world.found, ["b", "c", "c"]);
  assert.equal(world.requests.filter((method) => method === "beginLearning").length, 1);
});

test("only what was learned last is stored, and what is stored of it is never missed", async () => {
  const visit = await begin();
  await findRest(visit);
  await visit.until("it is stored", () => stored(visit).length === 3 && !visit.keeper.storing);
  const [, first] = stored(visit);
  visit.bench.suggestions.keep();
  await findRest(visit);
  await visit.until("the next one is stored", () => !stored(visit).includes(first) && !visit.keeper.storing);
  assert.equal(stored(visit).length, 3);
  await visit.untilStored('"c"');
  for (const name of stored(visit)) await damage(name);
  const again = Visit.again(new World());
  await again.keeper.restored;
  await again.rest();
  assert.equal(again.sentence, "");
  assert.equal(image(again, "a").objectCount, 3);
  assert.deepEqual([again.bench.project.suggestions.learned.peek(), image(again, "a").suggestions], [undefined, []]);
});

/** Replaces a stored file by what it is not. */
async function damage(name: string) {
  const project = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
  const handle = await project.getFileHandle(name);
  const stream = await handle.createWritable();
  await stream.write(new Blob(["{"]));
  await stream.close();
}
