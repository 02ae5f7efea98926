// A GPU that has stopped answering is noticed, and one that is only slow is not taken for dead.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { watchGpu } from "../../www/engine/gpu_watch.js";

mock.timers.enable({ apis: ["setTimeout"] });

/** Looks for so many minutes at waits by these numbers, one for each five seconds; the last one goes on. */
function hungAfter(minutes: number, waits: (number | undefined)[], cancelled: number[] = []) {
  let at = 0;
  let calls = 0;
  let when: number | undefined;
  const hurry = watchGpu(
    () => waits[Math.min(at, waits.length - 1)],
    () => {
      calls += 1;
      when = at * 5;
    },
  );
  for (let look = 0; look < minutes * 12; look++) {
    at += 1;
    if (cancelled.includes(at)) hurry();
    mock.timers.tick(5000);
  }
  assert.ok(calls <= 1, "it is told once");
  return when;
}

test("one wait that goes on for a minute is a GPU that hangs", () => {
  assert.equal(hungAfter(5, [7]), 60);
  assert.equal(hungAfter(5, [1, 2, 3, 3]), 70);
});

test("waits that end, however many, and none at all are no sign of it", () => {
  assert.equal(hungAfter(10, [undefined]), undefined);
  const each = Array.from({ length: 200 }, (_, i) => i);
  assert.equal(hungAfter(10, each), undefined);
  const slow = Array.from({ length: 200 }, (_, i) => Math.floor(i / 11));
  assert.equal(hungAfter(10, slow), undefined);
  assert.equal(hungAfter(2, [4, 4, 4, undefined, 4, 4, undefined]), undefined);
});

test("somebody who cancels waits for ten seconds at most, however often, and the next one's patience is whole again", () => {
  assert.equal(hungAfter(5, [7], [4]), 25);
  assert.equal(hungAfter(5, [7], [4, 5]), 25);
  assert.equal(hungAfter(5, [1, 1, 1, 1, 2, 2], [3]), 80);
});
