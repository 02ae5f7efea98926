// What becomes of an export that fails.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { ExportedFile, ObjectExport } from "../../www/engine/graysam.js";
import { UnderWay } from "../../www/engine/under_way.js";

/** Used up by `finish` or `free`, as the engine's objects are; what is used up may not be touched. */
class StandInExport {
  #error;
  #usedUp = false;

  constructor(error?: string) {
    this.#error = error;
  }

  get usedUp() {
    return this.#usedUp;
  }

  add() {
    if (this.#usedUp) throw new Error("null pointer passed to rust");
  }

  free() {
    this.add();
    this.#usedUp = true;
  }

  finish() {
    this.free();
    if (this.#error) throw new Error(this.#error);
    return { name: "a-coco.json" } as ExportedFile;
  }

  [Symbol.dispose]() {
    this.free();
  }
}

function begin(exports: UnderWay<ObjectExport>, error?: string) {
  const made = new StandInExport(error);
  exports.begin(() => made as unknown as ObjectExport);
  return made;
}

test("an export that could not be finished does not hold up the next one", () => {
  const exports = new UnderWay<ObjectExport>("No export was begun; begin it again.");
  begin(exports, "A zip of more than 4 GiB cannot be written.");
  assert.throws(() => exports.finish(), /4 GiB/);
  assert.throws(() => exports.finish(), /No export was begun/);
  begin(exports);
  assert.equal(exports.finish().name, "a-coco.json");
});

test("an export that was left is freed, also where the next one cannot begin", () => {
  const exports = new UnderWay<ObjectExport>("No export was begun; begin it again.");
  const left = begin(exports);
  const refuse = () => {
    throw new Error("There is no such format.");
  };
  assert.throws(() => exports.begin(refuse), /no such format/);
  assert.ok(left.usedUp);
  assert.throws(() => exports.begun, /No export was begun/);
  begin(exports);
  assert.equal(exports.finish().name, "a-coco.json");
});
