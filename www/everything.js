// The search for all objects of the open image. The session's loop asks for the next piece of work when nothing more
// urgent waits.

/** @typedef {import("./engine_client.js").EngineClient} EngineClient */

/**
 * @typedef {object} EverythingEvents
 * @property {() => void} changed it was begun or ended
 * @property {(found: FoundEverything) => void} found
 * @property {(sentence: string) => void} failed
 */

export class Everything {
  /** How far the search is; undefined when there is none. @type {EverythingProgress | undefined} */
  progress;

  #events;
  /** @type {EverythingSettings | undefined} */
  #settings;
  #begun = false;

  /** @param {EverythingEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** @param {EverythingSettings} settings */
  start(settings) {
    this.#settings = settings;
    this.#begun = false;
    this.progress = { fraction: 0, found: 0, finished: false };
    this.#events.changed();
  }

  /** Ends the search without a result. @returns {boolean} whether there was one */
  cancel() {
    const ran = this.progress !== undefined;
    this.progress = undefined;
    this.#settings = undefined;
    if (ran) this.#events.changed();
    return ran;
  }

  /** Another image, model or display is in use: what was found would be of the one before. @param {string} what */
  interrupt(what) {
    if (this.cancel()) this.#events.failed(`The search for objects was ended, because ${what}; begin it again.`);
  }

  /** @param {EngineClient} client @param {Display} display @returns {(() => Promise<void>) | undefined} */
  nextStep(client, display) {
    const settings = this.#settings;
    if (!settings) return;
    if (!this.#begun) return () => this.#try(settings, () => this.#begin(client, display, settings));
    if (this.progress?.finished) return () => this.#try(settings, () => this.#finish(client, settings));
    return () => this.#try(settings, () => this.#advance(client, settings));
  }

  /** What fails ends the search. @param {EverythingSettings} settings @param {() => Promise<void>} work */
  async #try(settings, work) {
    try {
      await work();
    } catch (error) {
      if (this.#settings === settings) this.cancel();
      throw error;
    }
  }

  /** @param {EngineClient} client @param {Display} display @param {EverythingSettings} settings */
  async #begin(client, display, settings) {
    await client.request("beginEverything", [display, settings]);
    this.#begun = this.#settings === settings;
  }

  /** @param {EngineClient} client @param {EverythingSettings} settings */
  async #advance(client, settings) {
    const progress = await client.request("advanceEverything", []);
    if (this.#settings === settings) this.progress = progress;
  }

  /** @param {EngineClient} client @param {EverythingSettings} settings */
  async #finish(client, settings) {
    const found = await client.request("finishEverything", []);
    if (this.#settings !== settings) return;
    this.cancel();
    this.#events.found(found);
  }
}
