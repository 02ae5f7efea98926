// The page's end of the worker: requests with ids, replies as promises, crashes as CrashError.

/** The worker is gone; its message is what the engine said last. */
export class CrashError extends Error {}

/**
 * @template T
 * @typedef {{done: Promise<T>, cancel: () => void}} Running
 */

/**
 * @typedef {object} Waiting
 * @property {(value: any) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {((fraction: number) => void) | undefined} progress
 */

/**
 * Starts the worker. From its own address it would have the policy of that reply's headers, of which a static
 * host sends none; from a blob it has the page's. The import is dynamic because script-src, not worker-src,
 * decides on it.
 */
function startWorker() {
  const module = JSON.stringify(new URL("./worker.js", import.meta.url).href);
  const script = `import(${module}).then(
    () => postMessage({ ready: true }),
    () => postMessage({ crash: "its files could not be loaded" }),
  );`;
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  worker.addEventListener("message", () => URL.revokeObjectURL(address), { once: true });
  return worker;
}

export class EngineClient {
  #worker = startWorker();
  /** What is asked before the worker listens. @type {ToWorker[] | undefined} */
  #early = [];
  #nextId = 1;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {CrashError | undefined} */
  #crash;
  #onCrash;

  /** @param {(crash: CrashError) => void} onCrash called once, after the open requests were rejected */
  constructor(onCrash) {
    this.#onCrash = onCrash;
    this.#worker.addEventListener("message", (/** @type {MessageEvent<FromWorker>} */ { data }) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#die(event.message || "its files could not be loaded");
    });
    this.#worker.addEventListener("messageerror", () => this.#die("a message could not be read"));
  }

  /**
   * @template {WorkerMethod} M
   * @param {M} method
   * @param {Parameters<WorkerMethods[M]>} args
   * @param {(fraction: number) => void} [progress] from 0 to 1
   * @returns {Running<ReturnType<WorkerMethods[M]>>}
   */
  start(method, args, progress) {
    const id = this.#nextId++;
    const done = new Promise((resolve, reject) => {
      if (this.#crash) return reject(this.#crash);
      this.#waiting.set(id, { resolve, reject, progress });
      this.#post(/** @type {ToWorker} */ ({ id, method, args }));
    });
    return {
      done,
      cancel: () => {
        if (this.#waiting.has(id)) this.#post({ cancel: id });
      },
    };
  }

  /**
   * @template {WorkerMethod} M
   * @param {M} method
   * @param {Parameters<WorkerMethods[M]>} args
   * @param {(fraction: number) => void} [progress]
   */
  request(method, args, progress) {
    return this.start(method, args, progress).done;
  }

  /** @param {ToWorker} message */
  #post(message) {
    if (this.#early) this.#early.push(message);
    else this.#worker.postMessage(message);
  }

  /** @param {FromWorker} message */
  #receive(message) {
    if ("crash" in message) return this.#die(message.crash);
    if ("ready" in message) {
      for (const early of this.#early ?? []) this.#worker.postMessage(early);
      this.#early = undefined;
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    if ("fraction" in message) return waiting.progress?.(message.fraction);
    this.#waiting.delete(message.id);
    if ("error" in message) waiting.reject(new Error(message.error));
    else waiting.resolve(message.value);
  }

  /** @param {string} reason */
  #die(reason) {
    if (this.#crash) return;
    this.#crash = new CrashError(reason);
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(this.#crash);
    this.#waiting.clear();
    this.#onCrash(this.#crash);
  }
}
