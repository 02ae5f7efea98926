import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Desk } from "./desk.js";
import { Hand } from "./hand.js";
import { sourceOf } from "./visit.js";

mock.timers.enable({ apis: ["setTimeout"] });

async function handOf(width = 60, height = 40) {
  const desk = new Desk(width, height);
  desk.open(sourceOf("a"));
  await desk.settled();
  return { desk, hand: new Hand(desk), labels: desk.objects.labels ?? assert.fail("no image is open") };
}

/** The numbers of the pixels of a row. */
function rowOf({ ids, width }: { ids: Uint32Array; width: number }, y: number) {
  return [...ids.subarray(y * width, (y + 1) * width)];
}

test("a stroke goes through all that the browser tells of it, and is straight where it tells only where the pointer is", async () => {
  for (const between of [false, true]) {
    const { desk, hand, labels } = await handOf();
    desk.labelTools.choose("draw");
    desk.tools.setBrushSize(1);
    const [clientX, clientY] = hand.placeOf(20.5, 30.5);
    const getCoalescedEvents = () => [{ clientX, clientY }];
    hand.does("down", ...hand.placeOf(10.5, 5.5));
    hand.does("move", ...hand.placeOf(30.5, 5.5), between ? { getCoalescedEvents } : {});
    hand.does("up", ...hand.placeOf(30.5, 5.5));
    assert.equal(labels.objects, 1);
    assert.equal(rowOf(labels, 30)[20], between ? 1 : 0, "what lies between");
    assert.equal(rowOf(labels, 5)[20], between ? 0 : 1, "the straight way");
  }
});

/** Places of two fingers in the window. */
type Places = [first: [number, number], second: [number, number]];

function near(actual: readonly number[], expected: readonly number[], what: string) {
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-6, `${what}: ${actual} instead of ${expected}`));
}

test("two fingers keep what is under them, and are no prompt", async () => {
  const { desk, hand } = await handOf();
  const places: Places[] = [
    [hand.placeOf(20, 15), hand.placeOf(40, 30)],
    [
      [100, 70],
      [220, 160],
    ],
    [
      [140, 120],
      [180, 150],
    ],
  ];
  hand.touches("down", ...places[0][0]);
  hand.touches("down", ...places[0][1], 2);
  for (const [first, second] of places.slice(1)) {
    hand.touches("move", ...first);
    hand.touches("move", ...second, 2);
    near(hand.placeOf(20, 15), first, "the first finger");
    near(hand.placeOf(40, 30), second, "the second one");
  }
  hand.touches("up", 140, 120);
  const { scale, offset } = hand.viewer;
  hand.touches("move", 200, 190, 2);
  hand.touches("down", 60, 60, 3);
  hand.touches("up", 60, 60, 3);
  hand.touches("up", 200, 190, 2);
  mock.timers.tick(2000);
  assert.deepEqual([hand.viewer.scale, hand.viewer.offset], [scale, offset], "a finger that is left does nothing");
  assert.deepEqual(desk.draft.rounds.peek(), []);
  hand.touches("down", ...hand.placeOf(5, 6));
  hand.touches("up", ...hand.placeOf(5, 6));
  assert.equal(desk.draft.rounds.peek().length, 1, "the next touch is a prompt again");
});

test("a finger points, draws boxes, and held it points at what does not belong to the object", async () => {
  const { desk, hand } = await handOf();
  const at = (x: number, y: number) => hand.placeOf(x, y);
  hand.touches("down", ...at(10, 12));
  const [x, y] = at(10, 12);
  hand.touches("move", x + 6, y - 6);
  mock.timers.tick(400);
  hand.touches("up", x + 6, y - 6);
  mock.timers.tick(2000);
  hand.touches("down", ...at(20, 22));
  mock.timers.tick(600);
  hand.touches("move", ...at(50, 38));
  hand.touches("up", ...at(50, 38));
  hand.touches("down", ...at(8, 9));
  hand.touches("move", ...at(30, 31));
  mock.timers.tick(2000);
  hand.touches("up", ...at(30, 31));
  const [first, second, box] = desk.draft.rounds.peek().map(({ prompt }) => prompt);
  assert.equal(desk.draft.rounds.peek().length, 3);
  assert.ok(first.kind === "point" && second.kind === "point" && box.kind === "box");
  assert.deepEqual([first.positive, second.positive], [true, false]);
  near([first.x, first.y, second.x, second.y], [10, 12, 20, 22], "the points");
  near([box.x0, box.y0, box.x1, box.y1], [8, 9, 30, 31], "the box");
});

test("with a brush a finger draws, and two fingers draw nothing", async () => {
  const { desk, hand, labels } = await handOf();
  const at = (x: number, y: number) => hand.placeOf(x, y);
  desk.labelTools.choose("draw");
  desk.tools.setBrushSize(1);
  hand.touches("down", ...at(10.5, 5.5));
  hand.touches("down", ...at(40.5, 5.5), 2);
  hand.touches("move", ...at(10.5, 25.5));
  hand.touches("up", ...at(10.5, 25.5));
  hand.touches("up", ...at(40.5, 5.5), 2);
  assert.deepEqual([labels.objects, desk.history.last.peek()], [0, undefined]);
  hand.touches("down", ...at(10.5, 5.5));
  hand.touches("move", ...at(30.5, 5.5));
  hand.touches("up", ...at(30.5, 5.5));
  const [from, to] = [10, 30];
  assert.deepEqual(
    rowOf(labels, 5).flatMap((id, x) => (id ? [x] : [])),
    Array.from({ length: to - from + 1 }, (_, i) => from + i),
  );
  hand.touches("down", ...at(50.5, 20.5));
  hand.touches("up", ...at(50.5, 20.5));
  assert.ok(rowOf(labels, 20)[50], "a tap is a dab");
});

test("a polygon goes on after the image was moved with two fingers", async () => {
  const { desk, hand, labels } = await handOf();
  const at = (x: number, y: number) => hand.placeOf(x, y);
  desk.labelTools.choose("polygon");
  const corner = (x: number, y: number) => {
    hand.touches("down", ...at(x, y));
    hand.touches("up", ...at(x, y));
  };
  corner(5, 5);
  corner(25, 5);
  hand.touches("down", 100, 100);
  hand.touches("down", 200, 100, 2);
  hand.touches("move", 90, 120);
  hand.touches("move", 210, 120, 2);
  hand.touches("up", 90, 120);
  hand.touches("up", 210, 120, 2);
  corner(25, 25);
  corner(5, 25);
  corner(5.1, 5.1);
  assert.equal(labels.areaOf(1), 400, "20 x 20 pixels");
});
