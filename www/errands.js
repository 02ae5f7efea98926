// What the engine does while the person looks: thumbnails of the project's images, and the next image's embedding.

/** @typedef {import("./engine_client.js").EngineClient} EngineClient */
/** @typedef {{id: string, source: ImageSource}} Image */

/** Milliseconds without a prompt after which the next image is encoded: an encode cannot be broken off at once. */
const QUIET = 1500;

/**
 * @typedef {object} ErrandEvents
 * @property {() => Image | undefined} unseen an image without a thumbnail
 * @property {(id: string, thumbnail: Blob | undefined) => void} seen undefined: the image cannot be read
 * @property {() => (Image & {display: Display}) | undefined} next the image that comes next
 * @property {() => void} due there may be something to do now
 */

export class Errands {
  #events;
  /** Encodes that were done or failed. @type {Set<string>} */
  #encoded = new Set();
  /** @type {import("./engine_client.js").Running<boolean> | undefined} */
  #encode;
  #quietFrom = 0;
  #timer = 0;

  /** @param {ErrandEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** The person does something. */
  interrupt() {
    this.#quietFrom = performance.now() + QUIET;
    this.#encode?.cancel();
  }

  /**
   * @param {EngineClient} client @param {string | undefined} model the loaded one's name
   * @returns {(() => Promise<void>) | undefined}
   */
  nextStep(client, model) {
    const unseen = this.#events.unseen();
    if (unseen) return () => this.#look(client, unseen);
    const next = model ? this.#events.next() : undefined;
    if (!next) return;
    const key = JSON.stringify([model, next.id, next.display]);
    if (this.#encoded.has(key)) return;
    const wait = this.#quietFrom - performance.now();
    if (wait <= 0) return () => this.#encodeNext(client, next, key);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.#events.due, wait);
  }

  /** @param {EngineClient} client @param {Image} image */
  async #look(client, { id, source }) {
    let thumbnail;
    try {
      thumbnail = await client.request("thumbnail", [source]);
    } finally {
      // What is wrong with it is told when it is opened.
      this.#events.seen(id, thumbnail);
    }
  }

  /** @param {EngineClient} client @param {Image & {display: Display}} image @param {string} key */
  async #encodeNext(client, { source, display }, key) {
    this.#encode = client.start("encodeAhead", [source, display]);
    try {
      if (await this.#encode.done) this.#encoded.add(key);
    } catch (error) {
      this.#encoded.add(key);
      throw error;
    } finally {
      this.#encode = undefined;
    }
  }
}
