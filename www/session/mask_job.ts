// The masks for the draft's prompts.

import { batch, computed, signal } from "../vendor/signals-core.js";
import { type Draft, sameRounds } from "../document/draft.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { PromptRound } from "../engine/graysam.js";
import type { DecoderJob } from "./decoder_job.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { Parts } from "./parts.js";

/** What the engine has answered, and on what. */
interface Answered {
  rounds: readonly PromptRound[];
  key: string;
}

export class MaskJob implements Job {
  /** Milliseconds of the last answer. */
  readonly time = signal(0);
  /** The engine has answered all prompts, on this embedding and by this decoder. */
  readonly answered = computed(() => {
    const answered = this.#answered.value;
    // Prompts that were taken back have no answer any more, even where the same ones are given again.
    const here = answered !== undefined && this.#draft.answer.value?.rounds === answered.rounds;
    return here && answered.key === this.#key.value && sameRounds(answered.rounds, this.#draft.rounds.value);
  });

  #draft;
  #image;
  #decoder;
  #parts;
  #answered = signal<Answered | undefined>(undefined);
  #key = computed(() => `${this.#image.generation.value}/${this.#decoder.generation.value}`);

  constructor(draft: Draft, image: ImageJob, decoder: DecoderJob, parts: Parts) {
    this.#draft = draft;
    this.#image = image;
    this.#decoder = decoder;
    this.#parts = parts;
  }

  next(engine: Engine): Step | undefined {
    const rounds = this.#draft.rounds.value;
    const possible = this.#image.open.value && this.#image.encoded.value && this.#image.adjustment.value === undefined;
    if (possible && !this.#parts.paused.value && rounds.length > 0 && !this.answered.value) return () => this.#predict(engine, rounds);
  }

  engineLost() {
    this.#answered.value = undefined;
    return "";
  }

  async #predict(engine: Engine, rounds: readonly PromptRound[]) {
    const key = this.#key.peek();
    let time = 0;
    try {
      const answer = await this.#parts.answer(engine, async () => {
        // The encodes in between do not count.
        const started = performance.now();
        const reply = await engine.request("predict", [rounds]);
        time = performance.now() - started;
        return reply;
      });
      if (!answer || answer === "interrupted") return;
      batch(() => {
        this.time.value = time;
        this.#answered.value = { rounds, key };
        // They may have been taken back in the meantime.
        if (this.#draft.rounds.peek().length > 0) this.#draft.take({ rounds, prediction: answer.prediction }, answer.mask);
      });
    } catch (error) {
      if (!(error instanceof CrashError)) this.#giveUp(rounds);
      throw error;
    }
  }

  /** Takes back what cannot be answered: the prompts since the last answer, or all. */
  #giveUp(failed: readonly PromptRound[]) {
    const answered = this.#draft.answer.peek()?.rounds ?? [];
    const usable = answered.length < failed.length ? answered : [];
    this.#draft.put(usable, this.#draft.refined.peek());
  }
}
