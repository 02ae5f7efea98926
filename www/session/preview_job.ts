// The mask under the pointer before any prompt: one request at a time, and only the newest place is asked for next.

import { batch, computed, signal } from "../vendor/signals-core.js";
import { whenChanged } from "../document/watch.js";
import type { Draft } from "../document/draft.js";
import type { Point } from "../document/geometry.js";
import type { Sight } from "../document/sight.js";
import type { MaskRegion } from "../document/types.js";
import type { Engine } from "../engine/client.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { MaskJob } from "./mask_job.js";

/** Milliseconds within which an answer still follows the pointer. */
const QUICK = 150;

export class PreviewJob implements Job {
  /** Undefined: none is shown. */
  readonly mask = signal<MaskRegion | undefined>(undefined);
  /** A GPU worth the name computes. */
  readonly gpu = signal(false);
  /** By default it is on where it can follow the pointer. */
  readonly on = computed(() => this.#chosen.value ?? (this.gpu.value || this.#quick.value));

  #image;
  #draft;
  #sight;
  #chosen = signal<boolean | undefined>(undefined);
  #quick;
  #at = signal<Point | undefined>(undefined);
  /** The place that was asked for last. */
  #asked = signal<Point | undefined>(undefined);

  constructor(draft: Draft, sight: Sight, image: ImageJob, mask: MaskJob) {
    this.#image = image;
    this.#draft = draft;
    this.#sight = sight;
    this.#quick = computed(() => mask.time.value > 0 && mask.time.value < QUICK);
    whenChanged([draft.rounds, image.display, image.source, image.open], () => this.clear());
  }

  /** The person's choice. */
  choose(on: boolean) {
    batch(() => {
      this.#chosen.value = on;
      this.#asked.value = undefined;
      if (!on) this.mask.value = undefined;
    });
  }

  /** Where a click would be a prompt; undefined: nowhere. */
  point(point: Point | undefined) {
    if (!point) return this.clear();
    const at = this.#at.peek();
    const same = at && Math.floor(at.x) === Math.floor(point.x) && Math.floor(at.y) === Math.floor(point.y);
    if (!same) this.#at.value = point;
  }

  /** Nothing is shown until the pointer moves again. */
  clear() {
    batch(() => {
      this.#at.value = undefined;
      this.mask.value = undefined;
    });
  }

  next(engine: Engine): Step | undefined {
    const at = this.#at.value;
    const idle = this.#image.encoded.value && this.#image.adjustment.value === undefined && this.#draft.rounds.value.length === 0;
    if (!idle || !at || at === this.#asked.value || !this.on.value) return;
    return async () => {
      this.#asked.value = at;
      const reply = await engine.request("preview", [at, this.#sight.side.peek()]);
      // In the meantime it may have been cleared. What a click would have to be waited for is not shown.
      if (this.#at.peek() !== undefined) this.mask.value = reply.needs ? undefined : reply.mask;
    };
  }
}
