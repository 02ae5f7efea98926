import assert from "node:assert/strict";
import { test } from "node:test";

import { Desk } from "./desk.js";
import { Hand } from "./hand.js";
import { sourceOf } from "./visit.js";

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
  for (const between of [undefined, [{ clientX: 20.5, clientY: 30.5 }]]) {
    const { desk, hand, labels } = await handOf();
    desk.labelTools.choose("draw");
    desk.tools.setBrushSize(1);
    hand.does("down", 10.5, 5.5);
    hand.does("move", 30.5, 5.5, between && { getCoalescedEvents: () => between });
    hand.does("up", 30.5, 5.5);
    assert.equal(labels.objects, 1);
    assert.equal(rowOf(labels, 30)[20], between ? 1 : 0, "what lies between");
    assert.equal(rowOf(labels, 5)[20], between ? 0 : 1, "the straight way");
  }
});
