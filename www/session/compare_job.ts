// The untouched decoder's mask beside the fine-tuned one's.

import { signal } from "../vendor/signals-core.js";
import { whenChanged } from "../document/watch.js";
import type { Draft } from "../document/draft.js";
import type { MaskRegion } from "../document/types.js";
import type { Engine } from "../engine/client.js";
import type { DecoderJob } from "./decoder_job.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { MaskJob } from "./mask_job.js";
import type { Parts } from "./parts.js";

export class CompareJob implements Job {
  /** For the prompts on screen, 255 inside; undefined while there is none. */
  readonly mask = signal<MaskRegion | undefined>(undefined);

  #image;
  #decoder;
  #mask;
  #parts;
  #asked = signal(false);

  constructor(draft: Draft, image: ImageJob, decoder: DecoderJob, mask: MaskJob, parts: Parts) {
    this.#image = image;
    this.#decoder = decoder;
    this.#mask = mask;
    this.#parts = parts;
    whenChanged([draft.masked, draft.rounds, decoder.comparing, decoder.generation], () => this.#forget());
  }

  #forget() {
    this.#asked.value = false;
    this.mask.value = undefined;
  }

  next(engine: Engine): Step | undefined {
    const compared = this.#decoder.comparing.value && this.#decoder.used.value && this.#mask.answered.value;
    const possible = this.#image.encoded.value && this.#image.adjustment.value === undefined && !this.#parts.paused.value;
    if (!compared || !possible || this.#asked.value) return;
    return async () => {
      this.#asked.value = true;
      const answer = await this.#parts.answer(engine, () => engine.request("untouchedMask", []));
      if (answer === "interrupted") this.#asked.value = false;
      else if (this.#asked.peek()) this.mask.value = answer?.mask;
    };
  }
}
