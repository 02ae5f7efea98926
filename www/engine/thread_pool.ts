// The engine's further threads: workers that compute on its memory. The page starts them, as the engine's own worker sleeps
// while it waits for them, and hears when one of them dies, which the engine then waits for without end.

import type { FromThread, SharedEngine } from "./methods.js";
import { startModuleWorker } from "./module_worker.js";

/** More gain little: what is computed falls into too few pieces. */
const MOST = 16;
/** Milliseconds after which threads are left out that are not there. */
const LIMIT = 10_000;

/**
 * How many threads compute.
 * @param cores of this computer @param wanted as the page's address has it; null: the page chooses
 */
export function threadCount(cores: number, wanted: string | null): number {
  const number = Number(wanted);
  if (wanted !== null && Number.isInteger(number) && number >= 1) return Math.min(number, 4 * MOST);
  // The page has one for itself where there are enough.
  return Math.max(1, Math.min(cores > 2 ? cores - 1 : cores, MOST));
}

export class ThreadPool {
  #workers: Worker[];
  /** How many there are, apart from the engine's own. */
  readonly arrived: Promise<number>;

  /** @param onCrash is told why a thread died that the engine counts on */
  constructor(engine: SharedEngine, count: number, onCrash: (reason: string) => void) {
    this.#workers = Array.from({ length: count }, () => startModuleWorker("engine/pool_worker.js"));
    this.arrived = this.#gather(engine, onCrash);
  }

  end() {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  async #gather(engine: SharedEngine, onCrash: (reason: string) => void) {
    let counted = false;
    const timeout = new Promise<false>((resolve) => setTimeout(resolve, LIMIT, false));
    const whether = await Promise.all(
      this.#workers.map((worker) => Promise.race([arrival(worker, engine, (reason) => counted && onCrash(reason)), timeout])),
    );
    for (const worker of this.#workers.filter((_, i) => !whether[i])) worker.terminate();
    this.#workers = this.#workers.filter((_, i) => whether[i]);
    counted = true;
    return this.#workers.length;
  }
}

/** Whether the worker takes part. @param onEnd is told why it ended */
function arrival(worker: Worker, engine: SharedEngine, onEnd: (reason: string) => void) {
  return new Promise<boolean>((resolve) => {
    const end = (reason: string) => {
      resolve(false);
      onEnd(reason);
    };
    worker.addEventListener("message", ({ data }: MessageEvent<FromThread>) => {
      if ("ready" in data) worker.postMessage(engine);
      if ("arrived" in data) resolve(true);
      if ("crash" in data) end(data.crash);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      end(event.message || "a thread's files could not be loaded");
    });
  });
}
