// Objects that a search found are added in slices, between which the person goes on.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { additionOf } from "../../www/document/free_runs.js";
import { LabelMap } from "../../www/document/label_map.js";
import { distinct, pack, unpack } from "../../www/document/runs.js";
import { atOnce, SlicedWork, type Steps } from "../../www/document/slices.js";
import { Desk } from "./desk.js";
import { Random } from "./random.js";
import { longestBlock } from "./responsiveness.js";
import { sourceOf } from "./visit.js";

const SMALLEST = 10;

/** A map of random rectangles. */
function rectangles(random: Random, width: number, height: number, count: number) {
  const ids = new Uint32Array(width * height);
  for (let id = 1; id <= count; id++) {
    const [x0, y0] = [random.below(width), random.below(height)];
    const [x1, y1] = [Math.min(width, x0 + 1 + random.below(9)), Math.min(height, y0 + 1 + random.below(7))];
    for (let y = y0; y < y1; y++) ids.fill(1 + random.below(3 * count), y * width + x0, y * width + x1);
  }
  return ids;
}

/** What is there after found objects were added to others, pixel by pixel. */
function plainlyAdded(labels: Uint32Array, found: Uint32Array) {
  const free = new Map<number, number>();
  found.forEach((id, i) => id && !labels[i] && free.set(id, (free.get(id) ?? 0) + 1));
  let highest = labels.reduce((a, b) => Math.max(a, b), 0);
  const numbers = new Map([...free].filter(([, area]) => area >= SMALLEST).map(([id]) => [id, ++highest]));
  return labels.map((label, i) => label || (numbers.get(found[i]) ?? 0));
}

test("found objects get what is free, as counted pixel by pixel", async () => {
  const [width, height] = [61, 47];
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const before = rectangles(random, width, height, random.below(12));
    const found = rectangles(random, width, height, 20);
    const labels = new LabelMap(pack(before), width, height);
    const { change } = atOnce(additionOf(labels, pack(found), SMALLEST));
    if (change) labels.redo(change);
    const expected = plainlyAdded(before, found);
    assert.deepEqual(labels.ids, expected);
    assert.deepEqual(unpack(labels.pack(), width * height), expected, "what is packed is what there is");
    for (const id of labels.numbers) assert.equal(labels.areaOf(id), expected.filter((other) => other === id).length);
    if (change) labels.undo(change);
    assert.deepEqual(labels.ids, before);
  }
});

test("found objects of another size than their image are refused", () => {
  const labels = new LabelMap(Uint32Array.of(100, 0), 10, 10);
  for (const length of [99, 101]) {
    assert.throws(() => atOnce(additionOf(labels, Uint32Array.of(length - 50, 0, 50, 1), 1)), /another size/);
  }
});

async function deskOf(width: number, height: number) {
  const desk = new Desk(width, height);
  desk.project.add(["a", "b"].map(sourceOf));
  desk.open(desk.project.images.peek()[0].source);
  await desk.settled();
  return desk;
}

/** Found objects that take the whole width, many rows each, so that their writing takes many steps. */
function stripes(width: number, height: number, count: number) {
  const ids = new Uint32Array(width * height);
  for (let i = 0; i < count; i++) {
    const rows = Math.floor(height / count);
    ids.fill(i + 1, i * rows * width, (i * rows + rows - 2) * width);
  }
  return { ids, found: { runs: pack(ids), attributes: new Map() } };
}

/** One turn of the event loop, in which other things may happen. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number) {
  for (let i = 0; i < count; i++) await turn();
}

/** Turns in which the objects of these tests are found to be free, packed and written, a step each. */
const TURNS = 24;

/** Has a slice end after each step. */
function stepByStep(t: TestContext) {
  let now = 0;
  t.mock.method(performance, "now", () => (now += 100));
}

const [WIDTH, HEIGHT] = [900, 700];

async function undoAll({ history }: Desk) {
  while (history.last.peek()) await history.undo();
}

async function redoAll({ history }: Desk) {
  while (history.next.peek()) await history.redo();
}

/** What a person does, and how many of the found pixels may be free afterwards. */
const ACTS: { act: (desk: Desk) => void; free: (undone: string | undefined) => number }[] = [
  {
    act: ({ labelTools }) => {
      labelTools.choose("draw");
      labelTools.press({ x: 90, y: 90 }, false, 0);
      labelTools.move({ x: 300, y: 700 });
      labelTools.release({ x: 300, y: 700 });
    },
    free: () => 0,
  },
  { act: ({ objects }) => objects.remove([1]), free: () => 50 },
  { act: ({ history }) => void history.undo(), free: (undone) => (undone === "draw" ? 50 : Infinity) },
  { act: ({ objects }) => objects.change("rename", [1], { name: "nucleus" }), free: () => 0 },
];

test("what the person does while objects are added comes before or after them, and can be undone with them", async (t) => {
  stepByStep(t);
  const { ids, found } = stripes(WIDTH, HEIGHT, 12);
  const orders = new Set<string>();
  for (const { act, free } of ACTS) {
    for (let passed = 0; passed < TURNS; passed += 2) {
      const desk = await deskOf(WIDTH, HEIGHT);
      const { history } = desk;
      const labels = desk.objects.labels ?? assert.fail("no image is open");
      labels.fillFree(3 * WIDTH - 50, 3 * WIDTH, 1);
      desk.objects.finish("draw", 1);
      const adding = desk.objects.add("find all objects", found, SMALLEST);
      await turns(passed);
      act(desk);
      assert.equal(await adding, 12);
      const left = ids.filter((id, i) => id && !labels.ids[i]).length;
      assert.ok(left <= free(history.next.peek()), `${left} found pixels are free`);
      orders.add(`${history.last.peek()}, ${history.next.peek()}`);
      await redoAll(desk);
      const end = labels.pack();
      await undoAll(desk);
      assert.deepEqual([distinct(labels.pack()), labels.objects, labels.ids.some(Boolean)], [0, 0, false], "nothing is left");
      assert.equal(desk.project.current.peek()?.objects.size, 0);
      await redoAll(desk);
      assert.deepEqual(labels.pack(), end);
    }
  }
  // Each of them was done both before the objects were there and after.
  for (const order of ["draw", "delete the object", "find all objects", "rename"]) assert.ok(orders.has(`${order}, undefined`), order);
  assert.ok(orders.has("draw, find all objects") && orders.has("find all objects, undefined"));
});

test("objects that are being added are complete before another image opens", async (t) => {
  stepByStep(t);
  const { found } = stripes(WIDTH, HEIGHT, 12);
  for (let passed = 0; passed < TURNS; passed++) {
    const desk = await deskOf(WIDTH, HEIGHT);
    const adding = desk.objects.add("find all objects", found, SMALLEST);
    await turns(passed);
    const [a, b] = desk.project.images.peek();
    desk.open(b.source);
    await desk.settled();
    assert.equal(await adding, 12);
    assert.deepEqual([a.objectCount, a.objects.size, b.objectCount, desk.history.last.peek()], [12, 12, 0, "find all objects"]);
  }
});

test("an image that is removed while objects are added to it stays as it was", async (t) => {
  stepByStep(t);
  const { found } = stripes(WIDTH, HEIGHT, 12);
  const counts = new Set<number>();
  for (let passed = 0; passed < TURNS; passed++) {
    const desk = await deskOf(WIDTH, HEIGHT);
    const [image] = desk.project.images.peek();
    const adding = desk.objects.add("find all objects", found, SMALLEST);
    await turns(passed);
    desk.images.remove(image);
    const added = await adding;
    assert.equal(image.objectCount, added ?? 0);
    counts.add(image.objectCount);
    await desk.history.undo();
    assert.deepEqual([image.objectCount, image.objects.size], [added ?? 0, added ?? 0]);
  }
  assert.deepEqual([...counts], [0, 12], "it was removed both before and after");
});

test("a stroke in hand is ended by the person before objects are added", async () => {
  const desk = await deskOf(60, 40);
  desk.labelTools.choose("draw");
  desk.labelTools.press({ x: 5, y: 5 }, false, 0);
  const adding = desk.objects.add("find all objects", stripes(60, 40, 2).found, SMALLEST);
  await turn();
  desk.labelTools.move({ x: 30, y: 5 });
  desk.labelTools.release({ x: 30, y: 5 });
  assert.equal(await adding, 2);
  assert.deepEqual([desk.objects.at({ x: 20, y: 5 }), desk.objects.labels?.numbers], [1, [1, 2, 3]]);
});

test("while objects are being written, what is packed is what was there before", async (t) => {
  stepByStep(t);
  const desk = await deskOf(WIDTH, HEIGHT);
  const labels = desk.objects.labels ?? assert.fail("no image is open");
  const packed = labels.pack();
  const adding = desk.objects.add("find all objects", stripes(WIDTH, HEIGHT, 12).found, SMALLEST);
  let half = 0;
  for (; labels.version === 0; await turn()) {
    if (labels.ids[0]) half += 1;
    assert.deepEqual(labels.pack(), packed);
  }
  assert.ok(half > 1, "it was looked at in between");
  assert.equal(await adding, 12);
  assert.equal(distinct(labels.pack()), 12);
});

test("objects are packed as they are at one moment, whatever is done meanwhile", async (t) => {
  stepByStep(t);
  for (let passed = 0; passed < TURNS; passed++) {
    const desk = await deskOf(WIDTH, HEIGHT);
    const image = desk.project.current.peek() ?? assert.fail("no image is open");
    const packing = image.packedObjects();
    await turns(passed);
    image.labels.fillFree(0, (WIDTH * HEIGHT) / 2, 1);
    desk.objects.finish("draw", 1);
    const { runs, revision, objects } = await packing;
    assert.deepEqual([distinct(runs), objects.size], revision === image.revision ? [1, 1] : [0, 0]);
    if (revision === image.revision) assert.deepEqual(runs, image.runs());
  }
});

test("work in slices waits where it has to, and errors are left to its end", async () => {
  const log: string[] = [];
  function* steps(): Steps<number> {
    yield turn().then(() => log.push("waited"));
    log.push("went on");
    return 3;
  }
  assert.equal(await new SlicedWork(steps()).done, 3);
  assert.deepEqual(log.splice(0), ["waited", "went on"]);
  const hurried = new SlicedWork(steps());
  hurried.complete();
  assert.deepEqual(log.splice(0), ["went on"]);
  assert.equal(await hurried.done, 3);
  function* failing(): Steps<number> {
    throw new Error("no");
  }
  const self: { work?: SlicedWork<number> } = {};
  function* impatient(): Steps<number> {
    yield;
    self.work?.complete();
    return 4;
  }
  self.work = new SlicedWork(impatient());
  assert.equal(await self.work.done, 4, "a step that asks for the end is one of them");
  const failed = new SlicedWork(failing());
  failed.complete();
  await assert.rejects(failed.done, /no/);
});

/** The runs of discs on a grid, in an image of side * side pixels. */
function discs(side: number, columns: number, count: number, radius: number) {
  const runs: number[] = [];
  const cell = side / columns;
  let end = 0;
  for (let y = 0; y < side; y++) {
    const row = Math.floor(y / cell);
    const half = Math.floor(Math.sqrt(Math.max(0, radius ** 2 - (y - (row + 0.5) * cell) ** 2)));
    if (!half) continue;
    for (let column = 0; column < columns && row * columns + column < count; column++) {
      const x = Math.floor((column + 0.5) * cell) - half;
      runs.push(y * side + x - end, 0, 2 * half, row * columns + column + 1);
      end = y * side + x + 2 * half;
    }
  }
  return Uint32Array.from([...runs.values(), side * side - end, 0]);
}

test("5,000 objects in 10,000 x 10,000 pixels are added and packed without holding up the page", { timeout: 120_000 }, async () => {
  const side = 10_000;
  const desk = await deskOf(side, side);
  const image = desk.project.current.peek() ?? assert.fail("no image is open");
  const runs = discs(side, 71, 5000, 58);
  let started = performance.now();
  const adding = await longestBlock(() => desk.objects.add("find all objects", { runs, attributes: new Map() }, SMALLEST));
  console.log(`added in ${Math.round(performance.now() - started)} ms, held up for at most ${Math.round(adding.longest)} ms at a time`);
  assert.equal(adding.result, 5000);
  started = performance.now();
  const packing = await longestBlock(() => image.packedObjects());
  console.log(`packed in ${Math.round(performance.now() - started)} ms, held up for at most ${Math.round(packing.longest)} ms at a time`);
  const { revision, objects } = packing.result;
  assert.deepEqual([revision, objects.size, image.labels.objects], [image.revision, 5000, 5000]);
  // The number of a found object is its place, as the first free pixels come in that order, row by row of discs.
  const areas = new Map<number, number>();
  for (let i = 0; i < runs.length; i += 2) areas.set(runs[i + 1], (areas.get(runs[i + 1]) ?? 0) + runs[i]);
  for (const id of [1, 71, 72, 2500, 5000]) assert.equal(image.labels.areaOf(id), areas.get(id));
  started = performance.now();
  await desk.history.undo();
  console.log(`undone at once in ${Math.round(performance.now() - started)} ms`);
  assert.equal(image.labels.objects, 0);
});

test("more objects than a label image holds are not added, and the person is told", async () => {
  const desk = await deskOf(300, 300);
  const runs = Uint32Array.from(
    Array.from({ length: 66_000 }, (_, i) => [1, i + 1])
      .flat()
      .concat([300 * 300 - 66_000, 0]),
  );
  assert.equal(await desk.objects.add("find all objects", { runs, attributes: new Map() }, 1), undefined);
  assert.match(desk.notices.current.peek()?.sentence ?? "", /65535/);
  assert.deepEqual([desk.objects.labels?.objects, desk.history.last.peek()], [0, undefined]);
});
