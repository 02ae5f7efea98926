// A further thread of the engine: an instance of it on the same memory, which computes what the engine's own thread shares out.

import { initSync, join_pool, last_panic } from "./graysam.js";
import type { FromThread, SharedEngine } from "./methods.js";

/** Bytes. While a thread waits for a part of its work it does others', one within the other. */
const STACK_SIZE = 4 << 20;

function post(message: FromThread) {
  self.postMessage(message);
}

/** What Rust calls by its place in the table of functions has the same place in this instance's. */
function addTiles(exports: object, { memory, tiles }: SharedEngine) {
  if (!tiles) return;
  const table = functionsOf(exports);
  const { tiles: added } = new WebAssembly.Instance(new WebAssembly.Module(tiles), { engine: { memory } }).exports;
  table.set(table.grow(1), added);
}

/** wasm-bindgen exports it under a name that it makes up; the other table is of JavaScript's values. */
function functionsOf(exports: object) {
  for (const [name, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Table && name !== "__wbindgen_externrefs") return value;
  }
  throw new Error("the engine has no table of functions");
}

function begin(engine: SharedEngine) {
  try {
    const { module, memory } = engine;
    addTiles(initSync({ module, memory, thread_stack_size: STACK_SIZE }), engine);
    post({ arrived: true });
    join_pool();
  } catch (error) {
    post({ crash: reasonOf(error) });
  }
}

function reasonOf(error: unknown) {
  let panic: string | undefined;
  try {
    panic = last_panic();
  } catch {
    // The module is too broken to tell.
  }
  return panic ?? String(error);
}

self.addEventListener("message", ({ data }: MessageEvent<SharedEngine>) => begin(data), { once: true });
