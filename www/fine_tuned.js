// Which decoder answers, the untouched or the fine-tuned one, and the untouched one's answer for comparison.

/** @typedef {import("./engine_client.js").EngineClient} EngineClient */

/**
 * @typedef {object} FineTunedEvents
 * @property {() => void} changed something was asked for
 * @property {() => void} switched another decoder answers from now on
 * @property {(mask: Uint8Array | null) => void} compared the untouched decoder's mask for the prompts on screen
 */

export class FineTuned {
  /** The fine-tuned decoder, if there is one. @type {DecoderInfo | undefined} */
  info;
  /** It answers, as far as the engine knows. */
  used = false;
  /** The untouched decoder's masks are shown beside. */
  comparing = false;

  #events;
  #wanted = false;
  /** Asked to be opened. @type {Blob | undefined} */
  #opening;
  /** From which it comes back after a crash. @type {Blob | undefined} */
  #file;
  #lost = false;
  #stale = false;

  /** @param {FineTunedEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** It answers, or is asked to. */
  get chosen() {
    return this.#wanted;
  }

  /** Another decoder is asked for than the one that answers. */
  get switching() {
    return this.#opening !== undefined || (this.info !== undefined && this.#wanted !== this.used);
  }

  /** @param {Blob} file a decoder's file */
  open(file) {
    this.#opening = file;
    this.#events.changed();
  }

  /** @param {boolean} on whether the fine-tuned decoder answers */
  use(on) {
    this.#wanted = on;
    if (!on) this.comparing = false;
    this.#events.changed();
  }

  /** @param {boolean} on */
  compare(on) {
    this.comparing = on;
    this.#stale = on;
    if (on) this.#wanted = true;
    this.#events.changed();
  }

  /** Another mask, or none, is on screen. */
  masked() {
    this.#stale = true;
    this.#events.compared(null);
  }

  /** What makes the engine have the decoder that is wanted. @param {EngineClient} client */
  nextStep(client) {
    if (this.#lost) return () => this.#restore(client);
    if (this.#opening) return () => this.#open(client);
    if (this.info && this.#wanted !== this.used) return () => this.#switch(client);
  }

  /** @param {EngineClient} client @param {boolean} hasMask */
  compareStep(client, hasMask) {
    if (!this.comparing || !this.#stale || !hasMask || !this.used) return;
    return async () => {
      this.#stale = false;
      this.#events.compared((await client.request("untouchedMask", [])) ?? null);
    };
  }

  /** The engine has a decoder of a training. @param {EngineClient} client @param {DecoderInfo} info */
  async adopted(client, info) {
    this.#set(info);
    this.#file = await client.request("decoderFile", ["segment_anything"]);
  }

  /** The engine is gone; a new one gets the decoder again. */
  engineLost() {
    this.#lost = this.#file !== undefined;
    if (!this.#lost) this.info = undefined;
    this.used = false;
  }

  /** Another model has no fine-tuned decoder. */
  modelChanged() {
    this.#set(undefined);
    this.#file = undefined;
    this.#lost = false;
  }

  /** @param {DecoderInfo | undefined} info */
  #set(info) {
    this.info = info;
    this.used = this.#wanted = info !== undefined;
    if (!info) this.comparing = false;
    this.#stale = true;
    this.#events.switched();
  }

  /** @param {EngineClient} client */
  async #open(client) {
    const file = this.#opening;
    if (!file) return;
    try {
      this.#set(await client.request("openDecoder", [file]));
      this.#file = file;
    } finally {
      // Also after a crash, which would come back.
      this.#opening = undefined;
    }
  }

  /** @param {EngineClient} client */
  async #restore(client) {
    const wanted = this.#wanted;
    this.#lost = false;
    if (!this.#file) return;
    this.#set(await client.request("openDecoder", [this.#file]));
    this.#wanted = wanted;
  }

  /** @param {EngineClient} client */
  async #switch(client) {
    const wanted = this.#wanted;
    await client.request("useFineTuned", [wanted]);
    this.used = wanted;
    this.#stale = true;
    this.#events.switched();
  }
}
