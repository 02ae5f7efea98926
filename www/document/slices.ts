// Long work in slices, between which the page draws and answers.

/** Milliseconds of a slice. */
const SLICE = 8;

/** Work in steps of a few milliseconds at most; where a promise is given, it has to wait for that. */
export type Steps<T> = Generator<Promise<unknown> | undefined, T>;

/** Pixels of a step; a run counts for some more. */
export const STEP = 1 << 18;
export const RUN_COST = 16;

/** Lets the browser do what waits. */
function breathe(): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } };
  if (scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Does all steps at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

export class SlicedWork<T> {
  /** Settles with the result. */
  readonly done: Promise<T>;
  #steps;
  #end: { value: T } | { error: unknown } | undefined;
  #stepping = false;

  /** Begins at once. */
  constructor(steps: Steps<T>) {
    this.#steps = steps;
    this.done = this.#run();
  }

  /** Does the rest at once, without waiting for anything. Errors are left to `done`. */
  complete() {
    // A step may be what asks for it.
    while (!this.#end && !this.#stepping) this.#step();
  }

  async #run() {
    for (;;) {
      const end = performance.now() + SLICE;
      let waiting: Promise<unknown> | undefined;
      do waiting = this.#step();
      while (!this.#end && !waiting && performance.now() < end);
      if (this.#end && "error" in this.#end) throw this.#end.error;
      if (this.#end) return this.#end.value;
      await (waiting ?? breathe());
    }
  }

  #step() {
    if (this.#end) return;
    this.#stepping = true;
    try {
      const { done, value } = this.#steps.next();
      if (!done) return value;
      this.#end = { value };
    } catch (error) {
      this.#end = { error };
    } finally {
      this.#stepping = false;
    }
  }
}

/** Does work in slices. */
export function inSlices<T>(steps: Steps<T>): Promise<T> {
  return new SlicedWork(steps).done;
}
