// The parts of a large image that the engine needs for an answer: encoded when it asks for them.

import { batch, effect, signal, untracked } from "../vendor/signals-core.js";
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
  /** The person has cancelled the encode that the prompts wait for; they are asked again when that is wanted. */
  readonly paused = signal(false);

  #draft;
  #model;
  #image;
  #activity;
  #running: Running<boolean> | undefined;

  constructor(draft: Draft, model: ModelJob, image: ImageJob, activity: Activity) {
    this.#draft = draft;
    this.#model = model;
    this.#image = image;
    this.#activity = activity;
    effect(() => {
      if (this.#overtaken) this.#running?.cancel();
    });
    whenChanged([draft.rounds, image.generation, image.requested, model.requested], () => {
      this.paused.value = false;
      // It was for prompts that were taken back.
      if (draft.rounds.peek().length === 0) this.#running?.cancel();
    });
  }

  /** Something else was asked for, or another display. */
  get #overtaken() {
    const asked = this.#image.requested.value ?? this.#model.requested.value ?? this.#image.adjustment.value;
    return asked !== undefined || !this.#image.encoded.value;
  }

  /** The person breaks off the encode that the prompts wait for. */
  cancel() {
    if (!this.awaited.peek()) return;
    this.paused.value = true;
    this.#running?.cancel();
  }

  /** The prompts are wanted again. */
  resume() {
    this.paused.value = false;
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
   * @returns undefined: there is nothing to answer; "interrupted": it is to be asked again, if it is wanted still
   */
  async answer<R extends Reply>(
    engine: Engine,
    ask: () => Promise<R | undefined>,
  ): Promise<Exclude<R, { needs: Part }> | "interrupted" | undefined> {
    for (;;) {
      const reply = await ask();
      if (!reply?.needs) return reply as Exclude<R, { needs: Part }> | undefined;
      if (this.#draft.rounds.peek().length === 0) return "interrupted";
      this.awaited.value = reply.needs;
      try {
        if (!(await this.encode(engine, reply.needs, true))) return "interrupted";
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
    if (!display || untracked(() => this.#overtaken)) return false;
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
