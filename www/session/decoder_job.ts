// Which decoder answers, the untouched or the fine-tuned one, and the untouched one's answer for comparison.

import { batch, computed, signal } from "../vendor/signals-core.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { DecoderInfo } from "../engine/graysam.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

export class DecoderJob implements Job {
  /** The fine-tuned decoder, if there is one. */
  readonly info = signal<DecoderInfo | undefined>(undefined);
  /** The person wants the fine-tuned decoder to answer. */
  readonly wanted = signal(false);
  /** The untouched decoder's masks are shown beside. */
  readonly comparing = signal(false);
  /** Counts the decoders that answered: what another one answered is void. */
  readonly generation = signal(0);
  /** The fine-tuned decoder answers, as far as the engine knows. */
  readonly used = signal(false);
  /** Another decoder is wanted than the one that answers. */
  readonly switching = computed(
    () => this.#opening.value !== undefined || (this.info.value !== undefined && this.wanted.value !== this.used.value),
  );

  #model;
  /** A file that is to be opened, and whether it is to answer then. */
  #opening = signal<{ file: Blob; use: boolean } | undefined>(undefined);
  /** The decoder's file, from which it comes back after a crash. */
  #file: Blob | undefined;
  #lost = signal(false);

  constructor(model: ModelJob) {
    this.#model = model;
  }

  /** The fine-tuned decoder's file; undefined: there is none. */
  get file() {
    return this.#file;
  }

  /** @param use whether it answers then */
  open(file: Blob, use = true) {
    this.#opening.value = { file, use };
  }

  use(on: boolean) {
    batch(() => {
      this.wanted.value = on;
      if (!on) this.comparing.value = false;
    });
  }

  compare(on: boolean) {
    batch(() => {
      this.comparing.value = on;
      if (on) this.wanted.value = true;
    });
  }

  next(engine: Engine): Step | undefined {
    if (!this.#model.loaded.value) return;
    if (this.#lost.value) return () => this.#restore(engine);
    const opening = this.#opening.value;
    if (opening) return () => this.#open(engine, opening);
    if (this.switching.value) return () => this.#switch(engine, this.wanted.peek());
  }

  engineLost() {
    batch(() => {
      this.#lost.value = this.#file !== undefined;
      if (!this.#file) this.info.value = undefined;
      this.used.value = false;
    });
    return "";
  }

  modelChanged() {
    this.#forget();
  }

  /** The engine has the decoder of a training. */
  async adopted(engine: Engine, info: DecoderInfo) {
    this.#set(info);
    this.#file = await engine.request("decoderFile", ["segment_anything"]);
  }

  #forget() {
    this.#file = undefined;
    batch(() => {
      this.#lost.value = false;
      this.#set(undefined);
    });
  }

  #set(info: DecoderInfo | undefined) {
    batch(() => {
      this.info.value = info;
      this.used.value = this.wanted.value = info !== undefined;
      if (!info) this.comparing.value = false;
      this.generation.value += 1;
    });
  }

  async #open(engine: Engine, opening: { file: Blob; use: boolean }) {
    const { file, use } = opening;
    try {
      this.#set(await engine.request("openDecoder", [file]));
      this.#file = file;
      if (!use) this.use(false);
    } finally {
      // Also after a crash, which would come back.
      if (this.#opening.peek() === opening) this.#opening.value = undefined;
    }
  }

  async #restore(engine: Engine) {
    const wanted = this.wanted.peek();
    const comparing = this.comparing.peek();
    this.#lost.value = false;
    if (!this.#file) return;
    try {
      const info = await engine.request("openDecoder", [this.#file]);
      batch(() => {
        this.#set(info);
        this.wanted.value = wanted;
        this.comparing.value = comparing;
      });
    } catch (error) {
      // The file cannot be read any more.
      if (!(error instanceof CrashError)) this.#forget();
      throw error;
    }
  }

  async #switch(engine: Engine, wanted: boolean) {
    try {
      await engine.request("useFineTuned", [wanted]);
    } catch (error) {
      if (!(error instanceof CrashError)) this.use(this.used.peek());
      throw error;
    }
    batch(() => {
      this.used.value = wanted;
      this.generation.value += 1;
    });
  }
}
