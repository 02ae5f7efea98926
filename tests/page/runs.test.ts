import assert from "node:assert/strict";
import { test } from "node:test";

import { distinct, pack, sameRuns, unpack } from "../../www/document/runs.js";

test("runs give back what was packed, and refuse another size", () => {
  const plane = Uint32Array.from({ length: 300 }, (_, i) => ((i * i) % 7 > 3 ? 70_000 : 0));
  assert.deepEqual(unpack(pack(plane), 300), plane);
  assert.throws(() => unpack(pack(plane), 299), /another size/);
});

test("runs are compared, and their numbers counted", () => {
  const runs = pack(Uint32Array.of(0, 0, 5, 5, 0, 7, 5));
  assert.deepEqual(runs, Uint32Array.of(2, 0, 2, 5, 1, 0, 1, 7, 1, 5));
  assert.equal(distinct(runs), 2);
  assert.ok(sameRuns(runs, runs.slice()));
  assert.ok(!sameRuns(runs, runs.subarray(2)));
  assert.ok(!sameRuns(Uint32Array.of(7, 0), Uint32Array.of(7, 1)));
});
