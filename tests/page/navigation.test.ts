import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

async function visitOf(t: TestContext, world: World, ...names: string[]) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const visit = await Visit.begin(world, "cpu", names.map(labelledImage));
  await visit.rest();
  return visit;
}

test("a stack is gone through page by page, to its ends", async (t) => {
  const world = new World();
  world.pages = 3;
  const visit = await visitOf(t, world);
  const { navigation, project, session } = visit.bench;
  assert.equal(navigation.pageBeside(1), undefined, "nothing is open");
  await session.openImage(sourceOf("stack"));
  await visit.rest();
  assert.deepEqual([navigation.pageBeside(-1), navigation.pageBeside(1), navigation.pageBeside(2)], [undefined, 1, 2]);
  const pages = [];
  for (const step of [1, 1, 1, -1, -2]) {
    navigation.stepPage(step);
    await visit.rest();
    pages.push(project.current.peek()?.source.page ?? 0);
  }
  assert.deepEqual(pages, [1, 2, 2, 1, 1]);
  assert.equal(project.images.peek().length, 3, "each page is an image of its own");
  visit.checkAgreement();
});

test("the selected object is carried on to the next page as a mask", async (t) => {
  const world = new World();
  world.pages = 2;
  const visit = await visitOf(t, world);
  const { navigation, objects, draft, session, images, project } = visit.bench;
  await session.openImage(sourceOf("stack"));
  await visit.rest();
  await navigation.carryOn();
  assert.match(visit.sentence, /^Select the object/);
  const ids = new Uint32Array(120).fill(4, 26, 30);
  const classId = images.addClass();
  project.currentClass.value = null;
  objects.replace("open labels", ids, new Map([[4, { ...objects.fresh(), classId }]]));
  objects.select(4);
  await navigation.carryOn();
  await visit.rest();
  assert.equal(project.current.peek()?.source.page, 1);
  const prompt = { kind: "mask", x0: 2, y0: 2, x1: 6, y1: 3, runs: [0, 4] };
  assert.deepEqual([draft.prompts.peek(), project.currentClass.peek()], [[prompt], classId]);
  visit.checkAgreement();
});

test("images are gone through, marked as done, and removed", async (t) => {
  const visit = await visitOf(t, new World(), "a", "b", "c");
  const { navigation, project, history } = visit.bench;
  const open = () => project.current.peek()?.name;
  navigation.step(1);
  await visit.rest();
  assert.equal(open(), "a", "the first one, while none is open");
  navigation.doneAndNext();
  await visit.rest();
  assert.deepEqual([open(), project.images.peek().map(({ done }) => done)], ["b", [true, false, false]]);
  navigation.removeCurrent();
  await visit.rest();
  assert.deepEqual([open(), project.images.peek().map(({ name }) => name)], ["c", ["a", "c"]]);
  navigation.step(1);
  await visit.rest();
  assert.equal(open(), "c", "the last one");
  await history.undo();
  await history.undo();
  assert.deepEqual(
    project.images.peek().map(({ name, done }) => [name, done]),
    [
      ["a", false],
      ["b", false],
      ["c", false],
    ],
  );
  visit.checkAgreement();
});

test("undo goes to the image that was changed, and stays where that cannot be opened", async (t) => {
  const world = new World();
  const visit = await visitOf(t, world, "a", "b");
  const { navigation, objects, project, history } = visit.bench;
  navigation.step(1);
  await visit.rest();
  objects.remove([1]);
  navigation.step(1);
  await visit.rest();
  world.errors.set("openImage", "The file cannot be read any more.");
  await history.undo();
  assert.deepEqual([project.current.peek()?.name, history.last.value], ["b", "delete the object"]);
  assert.equal(visit.sentence, "The image a cannot be opened: The file cannot be read any more.");
  world.errors.clear();
  await history.undo();
  await visit.rest();
  assert.deepEqual([project.current.peek()?.name, project.current.peek()?.labels.objects], ["a", 2]);
  visit.checkAgreement();
});

test("what was done on an image that cannot be opened any more is passed over when it is asked for again", async (t) => {
  const visit = await visitOf(t, new World(), "a", "b", "c");
  const { navigation, objects, project, history } = visit.bench;
  const [a, b] = project.images.peek();
  const labels = () => [a.objectCount, b.objectCount];
  for (const image of [a, b]) {
    navigation.open(image.source);
    await visit.rest();
    objects.remove([1]);
  }
  navigation.step(1);
  await visit.rest();
  b.source = sourceOf("bad b");
  await history.undo();
  assert.deepEqual([labels(), visit.sentence], [[1, 1], "The image bad b cannot be opened: bad b is no image."]);
  await history.undo();
  await visit.rest();
  assert.deepEqual([labels(), project.current.peek()?.name], [[2, 1], "a"]);
  assert.equal(visit.sentence, "b cannot be opened, so “delete the object” stays as it is; “delete the object” was undone instead.");
  await history.redo();
  assert.deepEqual(labels(), [1, 1]);
  b.source = sourceOf("b");
  await history.undo();
  await history.undo();
  await visit.rest();
  assert.deepEqual(labels(), [2, 2], "both, once it can be opened again");
});
