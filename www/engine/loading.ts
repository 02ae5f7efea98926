// Loads the engine. Its module is the same with threads and without: it asks for memory that is shared, and where the browser
// gives no such memory, that word of it is changed before it is compiled.

import type { CompiledEngine, SharedEngine } from "./methods.js";

type EngineModule = typeof import("./graysam.js");

/** Pages of 64 KiB: all that a module of 32 bits can address. */
const MOST_PAGES = 65_536;
/** How the module's import of its memory begins: the name's length, the name, and that it is a memory. */
const IMPORT = [6, ...new TextEncoder().encode("memory"), 2];
const SHARED_WITH_MAXIMUM = 3;
const UNSHARED_WITH_MAXIMUM = 1;

export interface LoadedEngine {
  module: EngineModule;
  memory: WebAssembly.Memory;
  /** What other threads need; undefined where there can be none. */
  shared: Omit<SharedEngine, "tiles"> | undefined;
}

/** WebKit may isolate a page and yet share no memory: in a process that it had before, as where it is automated. */
function sharesMemory() {
  return globalThis.crossOriginIsolated && "SharedArrayBuffer" in globalThis;
}

/** @param address of the module @param shares whether its memory is to be shared */
export async function compileEngine(address: URL, shares = sharesMemory()): Promise<CompiledEngine> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`status ${response.status}`);
  if (!shares) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    const pages = unshare(bytes);
    return { code: await WebAssembly.compile(bytes), pages };
  }
  // Compiled as it comes, but only under this type.
  const streams = response.headers.get("Content-Type") === "application/wasm";
  const code = streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
  return { code: await code, pages: undefined };
}

/** Has the browser fill the engine's memory with random numbers, which it does for none that is shared. */
function fillSharedMemory() {
  const fill = crypto.getRandomValues.bind(crypto);
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T) => {
    if (!(array instanceof Uint8Array) || array.buffer instanceof ArrayBuffer) return fill(array as never) as T;
    array.set(fill(new Uint8Array(array.length)));
    return array;
  };
}

/** @param byPage the page has compiled it; undefined: it could not */
export async function loadEngine(byPage?: Promise<CompiledEngine | undefined>): Promise<LoadedEngine> {
  const [module, compiled] = await Promise.all([import("./graysam.js"), byPage]);
  const address = new URL("./graysam_bg.wasm", import.meta.url);
  const usable = compiled && (compiled.pages !== undefined || sharesMemory());
  const { code, pages } = usable ? compiled : await compileEngine(address);
  if (pages !== undefined) return unsharedEngine(module, code, pages);
  fillSharedMemory();
  try {
    const { memory } = await module.default({ module_or_path: code });
    return { module, memory, shared: { module: code, memory } };
  } catch (error) {
    // Some phones give little memory that is shared, as all that it may grow to is set aside.
    if (!(error instanceof RangeError)) throw error;
    const unshared = await compileEngine(address, false);
    return unsharedEngine(module, unshared.code, unshared.pages ?? 0);
  }
}

async function unsharedEngine(module: EngineModule, code: WebAssembly.Module, pages: number): Promise<LoadedEngine> {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES });
  await module.default({ module_or_path: code, memory });
  return { module, memory, shared: undefined };
}

/** Has a module import memory that is not shared. Gives the pages with which it begins. */
export function unshare(module: Uint8Array): number {
  const found = module.findIndex((_, at) => IMPORT.every((byte, i) => module[at + i] === byte));
  const flags = found + IMPORT.length;
  if (found < 0 || module[flags] !== SHARED_WITH_MAXIMUM) throw new Error("its memory is not imported as expected");
  module[flags] = UNSHARED_WITH_MAXIMUM;
  // A number in LEB128, as WebAssembly has it: seven bits a byte, the lowest first.
  let pages = 0;
  for (let at = flags + 1, shift = 0; ; at++, shift += 7) {
    const byte = module[at] ?? 0;
    pages += (byte & 127) * 2 ** shift;
    if (byte < 128) return pages;
  }
}
