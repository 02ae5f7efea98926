// The page's end of the worker: requests with ids, replies as promises, crashes as CrashError.

import { addressOf } from "../site.js";
import { compileEngine } from "./loading.js";
import type { CompiledEngine, FromWorker, SharedEngine, ToWorker, WorkerMethod, WorkerMethods } from "./methods.js";
import { startModuleWorker } from "./module_worker.js";
import { threadCount, ThreadPool } from "./thread_pool.js";

/** The worker is gone; its message is what the engine said last. */
export class CrashError extends Error {}

export interface Running<T> {
  done: Promise<T>;
  cancel(): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  progress: ((fraction: number) => void) | undefined;
}

/** For all engines of this page, one after another. */
let compiled: Promise<CompiledEngine | undefined> | undefined;

/** The engine's code, compiled while the page and the worker are being made; undefined: the worker tries, and says why it cannot. */
function compiledEngine() {
  return (compiled ??= compileEngine(addressOf("engine/graysam_bg.wasm")).catch(() => (compiled = undefined)));
}

export class EngineClient {
  #compiled = compiledEngine();
  #worker = startModuleWorker("engine/worker.js");
  #pools: ThreadPool[] = [];
  /** What is asked before the worker listens. */
  #early: ToWorker[] | undefined = [];
  #nextId = 1;
  #waiting = new Map<number, Waiting>();
  #onCrash;
  #crash: CrashError | undefined;

  /** @param onCrash called once, after which every request fails with the error */
  constructor(onCrash: (error: CrashError) => void) {
    this.#onCrash = onCrash;
    this.#worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#die(event.message || "its files could not be loaded");
    });
    this.#worker.addEventListener("messageerror", () => this.#die("a message could not be read"));
  }

  /** @param progress gets fractions from 0 to 1 */
  start<M extends WorkerMethod>(
    method: M,
    args: Parameters<WorkerMethods[M]>,
    progress?: (fraction: number) => void,
  ): Running<ReturnType<WorkerMethods[M]>> {
    const id = this.#nextId++;
    const done = new Promise<ReturnType<WorkerMethods[M]>>((resolve, reject) => {
      if (this.#crash) return reject(this.#crash);
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, progress });
      this.#post({ id, method, args } as ToWorker);
    });
    return {
      done,
      cancel: () => {
        if (this.#waiting.has(id)) this.#post({ cancel: id });
      },
    };
  }

  request<M extends WorkerMethod>(method: M, args: Parameters<WorkerMethods[M]>, progress?: (fraction: number) => void) {
    return this.start(method, args, progress).done;
  }

  /** The person breaks something off: a GPU that does not answer is not waited for as long as else. */
  hurry() {
    this.#post({ hurry: true });
  }

  #post(message: ToWorker) {
    if (this.#early) this.#early.push(message);
    else this.#worker.postMessage(message);
  }

  #receive(message: FromWorker) {
    if ("crash" in message) return this.#die(message.crash);
    if ("shared" in message) return void this.#startPool(message);
    if ("ready" in message) return void this.#begin();
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    if ("fraction" in message) return waiting.progress?.(message.fraction);
    this.#waiting.delete(message.id);
    if ("error" in message) waiting.reject(new Error(message.error));
    else waiting.resolve(message.value);
  }

  async #begin() {
    for (const early of this.#early ?? []) this.#worker.postMessage(early);
    this.#early = undefined;
    const compiled = await this.#compiled;
    if (!this.#crash) this.#worker.postMessage({ compiled } satisfies ToWorker);
  }

  async #startPool({ shared, beside }: { shared: SharedEngine; beside: boolean }) {
    const threads = threadCount(navigator.hardwareConcurrency, new URLSearchParams(location.search).get("threads"));
    // The engine's own worker is one of the first pool.
    const pool = new ThreadPool(shared, beside ? threads : threads - 1, (reason) => this.#die(reason));
    this.#pools.push(pool);
    const count = await pool.arrived;
    if (!this.#crash) this.#worker.postMessage({ pool: count } satisfies ToWorker);
  }

  #die(reason: string) {
    if (this.#crash) return;
    this.#crash = new CrashError(reason);
    this.#worker.terminate();
    for (const pool of this.#pools) pool.end();
    for (const { reject } of this.#waiting.values()) reject(this.#crash);
    this.#waiting.clear();
    this.#onCrash(this.#crash);
  }
}

/** The requests of a job, and what the unit tests stand in for. */
export type Engine = Pick<EngineClient, "start" | "request" | "hurry">;
