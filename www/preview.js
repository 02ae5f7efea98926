// The mask under the pointer before any prompt: one request at a time, and only the newest place is asked for next.

/** @typedef {import("./engine_client.js").EngineClient} EngineClient */
/** @typedef {import("./viewer.js").Point} Point */

/** Milliseconds of an answer that still follow the pointer. */
const QUICK = 150;

/**
 * @typedef {object} PreviewEvents
 * @property {() => void} changed it was switched on or off
 * @property {() => void} moved another place can be asked for
 * @property {(mask: Uint8Array | null) => void} previewed
 */

export class Preview {
  #events;
  /** What the person chose; undefined: on where it can follow the pointer. @type {boolean | undefined} */
  #chosen;
  #gpu = false;
  /** The last click was answered quickly. */
  #quick = false;
  /** Where the pointer is. @type {Point | undefined} */
  #at;
  /** That place was asked for. */
  #asked = true;
  /** The place whose mask is awaited. @type {Point | undefined} */
  #awaited;
  #shown = false;

  /** @param {PreviewEvents} events */
  constructor(events) {
    this.#events = events;
  }

  get on() {
    return this.#chosen ?? (this.#gpu || this.#quick);
  }

  /** @param {boolean} on the person's choice */
  choose(on) {
    this.#chosen = on;
    this.#asked = false;
    if (!on) this.#hide();
    this.#events.changed();
  }

  /** @param {boolean} gpu the engine runs on a GPU worth the name */
  engineStarted(gpu) {
    this.#gpu = gpu;
  }

  /** A click took so long. @param {number} milliseconds */
  answered(milliseconds) {
    this.#quick = milliseconds < QUICK;
  }

  /** The pointer is elsewhere. @param {Point | undefined} point undefined: where no preview is wanted */
  point(point) {
    if (!point) return this.clear();
    const same = this.#at && Math.floor(this.#at.x) === Math.floor(point.x) && Math.floor(this.#at.y) === Math.floor(point.y);
    if (same) return;
    this.#at = point;
    this.#asked = false;
    if (this.on) this.#events.moved();
  }

  /** There is none until the pointer moves again. */
  clear() {
    this.#at = undefined;
    this.#hide();
  }

  /**
   * Asks for the place where the pointer is now. Resolves to false where nothing is shown of the answer.
   * @param {EngineClient} client @returns {(() => Promise<boolean | void>) | undefined}
   */
  nextStep(client) {
    const at = this.#at;
    if (!this.on || !at || this.#asked) return;
    return async () => {
      this.#asked = true;
      this.#awaited = at;
      const mask = await client.request("preview", [at]);
      // In the meantime it may have been cleared.
      if (this.#awaited !== at) return false;
      this.#shown = true;
      this.#events.previewed(mask);
    };
  }

  #hide() {
    this.#awaited = undefined;
    if (!this.#shown) return;
    this.#shown = false;
    this.#events.previewed(null);
  }
}
