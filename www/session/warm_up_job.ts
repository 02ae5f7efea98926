// Has a GPU compile the model's programs before the first image needs them.

import { effect, signal } from "../vendor/signals-core.js";
import type { Engine, Running } from "../engine/client.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

export class WarmUpJob implements Job {
  /** A GPU worth the name computes. */
  readonly gpu = signal(false);

  #image;
  #model;
  /** The model that was warmed up last, by its number. */
  #warm = signal(0);
  #running: Running<void> | undefined;

  constructor(model: ModelJob, image: ImageJob) {
    this.#model = model;
    this.#image = image;
    effect(() => {
      if (image.requested.value || model.requested.value) this.#running?.cancel();
    });
  }

  next(engine: Engine): Step | undefined {
    const { loaded, generation } = this.#model;
    const cold = loaded.value && this.#warm.value < generation.value;
    if (!cold || !this.gpu.value || this.#image.source.value) return;
    return async () => {
      this.#warm.value = generation.peek();
      this.#running = engine.start("warmUp", []);
      try {
        await this.#running.done;
      } finally {
        this.#running = undefined;
      }
    };
  }

  engineLost() {
    // A crash may have come of it.
    this.#warm.value = Infinity;
    return "";
  }

  modelChanged() {
    this.#warm.value = 0;
  }
}
