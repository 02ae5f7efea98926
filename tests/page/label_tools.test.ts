import assert from "node:assert/strict";
import { test } from "node:test";

import { Desk } from "./desk.js";
import { sourceOf } from "./visit.js";

async function deskOf(...names: string[]) {
  const desk = new Desk(12, 10);
  desk.project.add(names.map(sourceOf));
  desk.open(desk.project.images.peek()[0].source);
  await desk.settled();
  return desk;
}

function drag(desk: Desk, tool: "draw" | "erase" | "cut", from: [number, number], to: [number, number], size = 3) {
  const [a, b] = [from, to].map(([x, y]) => ({ x, y }));
  desk.labelTools.choose(tool);
  desk.tools.setBrushSize(size);
  desk.labelTools.press(a, false, 0);
  desk.labelTools.move(b);
  desk.labelTools.release(b);
}

const labelsOf = ({ objects }: Desk) => objects.labels ?? assert.fail("no image is open");

function click(desk: Desk, x: number, y: number) {
  desk.prompts.add({ kind: "point", x, y, positive: true });
}

test("accepting waits for the answer to all prompts", async () => {
  const desk = await deskOf("a");
  const labels = labelsOf(desk);
  click(desk, 4, 4);
  desk.labelTools.accept();
  assert.deepEqual([labels.objects, desk.draft.acceptWanted.value], [0, true]);
  desk.answer();
  assert.deepEqual([labels.objects, desk.draft.acceptWanted.value, desk.draft.rounds.value], [1, false, []]);
  assert.equal(desk.objects.attributes(1).iou, 0.9);

  click(desk, 9, 8);
  desk.answer();
  click(desk, 10, 8);
  desk.labelTools.accept();
  assert.equal(labels.objects, 1, "the mask on screen has not seen the second prompt");
  click(desk, 10, 9);
  desk.answer();
  assert.deepEqual([labels.objects, desk.draft.acceptWanted.value], [1, false], "another prompt is not accepted unseen");
});

test("an accepted mask that is taken back can be corrected and accepted again", async () => {
  const desk = await deskOf("a");
  click(desk, 4, 4);
  desk.answer();
  drag(desk, "draw", [11, 9], [11, 9], 1);
  const { mask } = desk;
  desk.labelTools.accept();
  const area = labelsOf(desk).areaOf(1);
  await desk.history.undo();
  assert.deepEqual([labelsOf(desk).objects, desk.draft.answered.value], [0, false]);
  desk.answer();
  assert.deepEqual(desk.mask, mask);
  desk.labelTools.accept();
  assert.equal(labelsOf(desk).areaOf(1), area);
});

test("a box begins another object without the corrections of the one before", async () => {
  const desk = await deskOf("a");
  click(desk, 4, 4);
  desk.answer();
  drag(desk, "draw", [11, 9], [11, 9], 1);
  const { mask } = desk;
  desk.prompts.add({ kind: "box", x0: 1, y0: 1, x1: 5, y1: 5 });
  desk.answer();
  assert.equal(desk.draft.corrections, undefined);
  await desk.history.undo();
  desk.answer();
  assert.deepEqual(desk.mask, mask);
});

test("a correction comes back with its prompt", async () => {
  const desk = await deskOf("a");
  click(desk, 4, 4);
  desk.answer();
  drag(desk, "draw", [11, 9], [11, 9], 1);
  await desk.history.undo();
  await desk.history.undo();
  await desk.history.redo();
  await desk.history.redo();
  desk.answer();
  assert.equal(desk.mask?.at(-1), 255);
});

test("prompts of an image that was left are not undone on another visit to it", async () => {
  const desk = await deskOf("a", "b");
  drag(desk, "draw", [2, 2], [4, 2]);
  click(desk, 8, 8);
  click(desk, 9, 8);
  const [a, b] = desk.project.images.peek();
  for (const image of [b, a]) {
    desk.open(image.source);
    await desk.settled();
  }
  await desk.history.undo();
  assert.deepEqual([desk.draft.rounds.value, labelsOf(desk).objects], [[], 0], "the stroke was undone");
  await desk.history.redo();
  assert.deepEqual([desk.draft.rounds.value, labelsOf(desk).objects, desk.history.next.value], [[], 1, undefined]);
});

test("what is half done when another image opens stays with its own image", async () => {
  const desk = await deskOf("a", "b");
  const [a, b] = desk.project.images.peek();
  desk.labelTools.choose("draw");
  desk.labelTools.press({ x: 3, y: 3 }, false, 0);
  desk.open(b.source);
  await desk.settled();
  assert.deepEqual([a.objectCount, a.objects.size, b.objects.size, desk.history.last.value], [1, 1, 0, "draw"]);
  desk.labelTools.move({ x: 6, y: 3 });
  desk.labelTools.release({ x: 6, y: 3 });
  assert.equal(b.objectCount, 0, "the stroke is over");
  desk.labelTools.choose("polygon");
  desk.labelTools.press({ x: 3, y: 3 }, false, 0);
  desk.open(a.source);
  await desk.settled();
  assert.deepEqual(desk.tools.line.value, []);
  await desk.history.undo();
  assert.equal(a.objectCount, 0);
});

test("a stroke that meets no free pixel is no edit", async () => {
  const desk = await deskOf("a");
  drag(desk, "draw", [-9, -9], [-8, -9]);
  desk.labelTools.choose("polygon");
  for (const [x, y] of [
    [20, 20],
    [30, 20],
    [30, 30],
  ])
    desk.labelTools.press({ x, y }, false, 0);
  desk.labelTools.accept();
  assert.equal(desk.history.last.value, undefined);
});

test("a locked object keeps its pixels, and the person is told", async () => {
  const desk = await deskOf("a");
  drag(desk, "draw", [3, 3], [8, 3]);
  const area = labelsOf(desk).areaOf(1);
  desk.prompts.refine(1);
  desk.answer();
  desk.objects.change("lock", [1], { locked: true });
  desk.labelTools.accept();
  assert.equal(labelsOf(desk).areaOf(1), area);
  const told = () => desk.notices.current.value?.sentence;
  assert.equal(told(), "Object 1 is locked; unlock it first.");
  desk.prompts.clear();
  desk.objects.select(1);
  for (const act of [() => desk.objects.split(), () => desk.objects.remove([1]), () => desk.objects.smooth()]) {
    desk.notices.dismiss();
    act();
    assert.equal(told(), "Object 1 is locked; unlock it first.");
  }
  drag(desk, "erase", [0, 3], [11, 3]);
  assert.equal(labelsOf(desk).areaOf(1), area);
});

test("what is known of an object comes back with its pixels, also after its image was closed", async () => {
  const desk = await deskOf("a", "b");
  drag(desk, "draw", [3, 3], [8, 3]);
  desk.objects.change("rename", [1], { name: "nucleus" });
  desk.objects.remove([1]);
  desk.open(desk.project.images.peek()[1].source);
  await desk.settled();
  await desk.history.undo();
  assert.equal(desk.objects.nameOf(1), "nucleus");
});

test("opened labels keep their names where a locked object has their number", async () => {
  const desk = await deskOf("a");
  drag(desk, "draw", [1, 1], [2, 1], 1);
  desk.objects.change("lock", [1], { locked: true, name: "locked" });
  const ids = new Uint32Array(120).fill(1, 60, 70);
  desk.objects.replace("open labels", ids, new Map([[1, { ...desk.objects.fresh(), name: "read" }]]));
  assert.deepEqual(
    labelsOf(desk).numbers.map((id) => desk.objects.nameOf(id)),
    ["locked", "read"],
  );
});

test("an image that was removed is not changed while it is still shown", async () => {
  const desk = await deskOf("a");
  drag(desk, "draw", [3, 3], [8, 3]);
  desk.images.remove(desk.project.images.peek()[0]);
  drag(desk, "draw", [3, 8], [8, 8]);
  desk.images.setDisplay(desk.placed({ gamma: 2 }));
  assert.equal(desk.history.last.value, "remove the image");
  await desk.history.undo();
  assert.equal(labelsOf(desk).objects, 1);
});

test("an edit that is made while undo opens an image comes first", async () => {
  const desk = await deskOf("a", "b");
  const [a, b] = desk.project.images.peek();
  drag(desk, "draw", [3, 3], [8, 3]);
  desk.open(b.source);
  await desk.settled();
  const undoing = desk.history.undo();
  drag(desk, "draw", [3, 8], [8, 8]);
  await undoing;
  assert.deepEqual([a.objectCount, b.objectCount], [1, 1], "nothing was undone");
  await desk.history.undo();
  await desk.history.undo();
  assert.deepEqual([a.objectCount, b.objectCount, desk.history.last.value], [0, 0, undefined]);
});
