// The order in which the worker answers requests: one after another, but for those that the engine has no part in, and for a
// training that has threads of its own.

import type { WorkerMethod } from "./methods.js";

const besideEngine: ReadonlySet<WorkerMethod> = new Set(["listModels", "downloadModel", "removeModel"]);

/** They wait for the piece of training at hand. */
const ofTraining: ReadonlySet<WorkerMethod> = new Set([
  "startTraining",
  "resumeTraining",
  "adoptBest",
  "storeCheckpoint",
  "clearLabelled",
  "loadModel",
  "loadStored",
]);

export class Turns {
  /** Whether a piece of training is done beside other requests; undefined: it takes turns with them. */
  trainsBeside: Promise<boolean> | undefined;
  #last = Promise.resolve();
  /** The piece of training at hand. */
  #training = Promise.resolve();

  /** @param work never fails */
  take(method: WorkerMethod, work: () => Promise<void>) {
    if (besideEngine.has(method)) return void work();
    this.#last = this.#last.then(async () => {
      if (method === "train" && (await this.trainsBeside)) {
        this.#training = this.#training.then(work);
        return;
      }
      if (ofTraining.has(method)) await this.#training;
      await work();
    });
  }
}
