// The parts of a large image that the engine needs for an answer: encoded when it asks for them.

import { batch, effect, signal } from "../vendor/signals-core.js";
import type { Draft } from "../document/draft.js";
import { whenChanged } from "../document/watch.js";
import type { Engine, Running } from "../engine/client.js";
import type { Part } from "../engine/graysam.js";
import type { Activity } from "./activity.js";
import type { ImageJob } from "./image_job.js";
import type { ModelJob } from "./model_job.js";

/** What a request may reply instead of an answer. */
interface Reply {
  needs: Part | undefined;
}

export class Parts {
  /** The part that an answer waits for while it is encoded. */
  readonly awaited = signal<Part | undefined>(undefined);
  /** The part that is being encoded, for an answer or ahead of one. */
  readonly encoding = signal<Part | undefined>(undefined);

  #image;
  #activity;
  #running: Running<boolean> | undefined;
  #cancelled = false;

  constructor(draft: Draft, model: ModelJob, image: ImageJob, activity: Activity) {
    this.#image = image;
    this.#activity = activity;
    effect(() => {
      const elsewhere = image.requested.value ?? model.requested.value ?? image.adjustment.value;
      if (elsewhere) this.#running?.cancel();
    });
    // It was for prompts that were taken back.
    whenChanged([draft.rounds], () => {
      if (draft.rounds.peek().length === 0) this.#running?.cancel();
    });
  }

  /** The person gives up the answer. */
  cancel() {
    if (!this.awaited.peek()) return;
    this.#cancelled = true;
    this.#running?.cancel();
  }

  /** The engine is gone. */
  lost() {
    batch(() => {
      this.awaited.value = undefined;
      this.encoding.value = undefined;
    });
  }

  /**
   * Asks the engine, and encodes what it needs, until there is an answer.
   * @returns undefined: there is nothing to answer, or something more urgent came in between; "cancelled": the person gave it up
   */
  async answer<R extends Reply>(
    engine: Engine,
    ask: () => Promise<R | undefined>,
  ): Promise<Exclude<R, { needs: Part }> | "cancelled" | undefined> {
    this.#cancelled = false;
    for (;;) {
      const reply = await ask();
      if (!reply?.needs) return reply as Exclude<R, { needs: Part }> | undefined;
      this.awaited.value = reply.needs;
      try {
        if (!(await this.encode(engine, reply.needs, true))) return this.#cancelled ? "cancelled" : undefined;
      } finally {
        this.awaited.value = undefined;
      }
    }
  }

  /**
   * Encodes a part of the open image.
   * @param told its progress is shown
   * @returns false: it was cancelled
   */
  async encode(engine: Engine, part: Part, told: boolean) {
    const display = this.#image.display.peek();
    if (!display) return false;
    const progress = told ? this.#activity.reports("Encoding a part of the image") : undefined;
    this.#running = engine.start("encode", [display, part], progress);
    batch(() => {
      this.encoding.value = part;
      progress?.(0);
    });
    try {
      const finished = await this.#running.done;
      if (finished) this.#image.memory.value = await engine.request("memory", []);
      return finished;
    } finally {
      this.#running = undefined;
      this.encoding.value = undefined;
    }
  }

  /** Breaks off what is encoded ahead; it goes on from there the next time. */
  interrupt() {
    if (!this.awaited.peek()) this.#running?.cancel();
  }
}
