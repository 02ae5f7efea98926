// How many threads compute, and the engine's module without any.

import assert from "node:assert/strict";
import { test } from "node:test";

import { unshare } from "../../www/engine/loading.js";
import { threadCount } from "../../www/engine/thread_pool.js";

test("the page keeps a core for itself where there are more than two", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 8, 128].map((cores) => threadCount(cores, null)),
    [1, 2, 2, 3, 7, 16],
  );
});

test("the page's address may ask for another number of threads, if it is one", () => {
  assert.deepEqual(
    ["1", "3", "0", "-1", "2.5", "", "many", "1000"].map((wanted) => threadCount(4, wanted)),
    [1, 3, 3, 3, 3, 3, 3, 64],
  );
});

const plain = () => new WebAssembly.Memory({ initial: 300, maximum: 65_536 });

/** A module that imports shared memory of 300 to 65,536 pages and exports an atomic addition at address 0. */
function atomicModule(): Uint8Array<ArrayBuffer> {
  const text = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const section = (id: number, ...content: number[]) => [id, content.length, ...content];
  const [I32, FUNCTION, MEMORY] = [0x7f, 0x60, 2];
  const add = [0, 0x41, 0, 0x20, 0, 0xfe, 0x1e, 2, 0, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, FUNCTION, 1, I32, 1, I32),
    ...section(2, 1, ...text("engine"), ...text("memory"), MEMORY, 3, 0xac, 2, 0x80, 0x80, 4),
    ...section(3, 1, 0),
    ...section(7, 1, ...text("add"), 0, 0),
    ...section(10, 1, add.length, ...add),
  ]);
}

test("a module for shared memory takes memory that is not, and begins with as many pages", async () => {
  const bytes = atomicModule();
  assert.throws(() => new WebAssembly.Instance(new WebAssembly.Module(bytes), { engine: { memory: plain() } }), WebAssembly.LinkError);
  assert.equal(unshare(bytes), 300);
  const memory = plain();
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { engine: { memory } });
  const add = exports.add as (by: number) => number;
  assert.deepEqual([add(5), add(2), add(0)], [0, 5, 7], "atomic instructions do their work on it");
});

test("a module that imports no shared memory is refused", () => {
  const bytes = atomicModule();
  unshare(bytes);
  assert.throws(() => unshare(bytes), /not imported as expected/);
  assert.throws(() => unshare(new Uint8Array(100)), /not imported as expected/);
});
