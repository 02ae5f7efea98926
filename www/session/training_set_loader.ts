// Brings labelled images into the engine for a training, a piece of work at a time: an image is taken, each part of it
// that holds objects is encoded, and it is added.

import type { LabelledImage } from "../document/project.js";
import { CrashError, type Engine, type Running } from "../engine/client.js";
import { areTooSmall } from "./training_set.js";

/** The image that is being added. */
export interface Preparing {
  name: string;
  place: number;
  all: number;
  fraction: number;
}

/** The image that the engine has taken. */
interface Taken {
  image: LabelledImage;
  parts: number;
  encoded: number;
}

export class TrainingSetLoader {
  preparing: Preparing | undefined;

  /** Those that can be trained on, as far as is known. */
  images: readonly LabelledImage[] = [];
  /** Those whose objects are all too small. */
  leftOut: LabelledImage[] = [];

  /** How many of them the engine has. */
  #added = 0;
  #taken: Taken | undefined;
  #encode: Running<boolean> | undefined;
  #changed;

  /** @param changed called when it got further */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The engine has none of these images. */
  begin(images: readonly LabelledImage[]) {
    this.images = images;
    this.leftOut = [];
    this.#added = 0;
    this.#taken = undefined;
    this.preparing = undefined;
  }

  get untouched() {
    return this.#added === 0 && !this.#taken;
  }

  get complete() {
    return this.#added === this.images.length;
  }

  /** Breaks off an encode, which goes on from there in the next step. */
  interrupt() {
    this.#encode?.cancel();
  }

  /**
   * The next piece of work.
   * @param all none may be left out
   * @throws what is wrong with the image
   */
  async step(engine: Engine, all: boolean) {
    const image = this.images[this.#added];
    const taken = this.#taken;
    try {
      if (!taken) await this.#take(engine, image);
      else if (taken.encoded < taken.parts) await this.#encodePart(engine, taken);
      else await this.#add(engine, taken);
    } catch (error) {
      if (error instanceof CrashError) throw error;
      if (!all && areTooSmall(error)) return this.#leaveOut(image);
      throw new Error(`${image.name} cannot be trained on: ${error instanceof Error ? error.message : error}`);
    }
  }

  #leaveOut(image: LabelledImage) {
    this.images = this.images.filter((other) => other !== image);
    this.leftOut.push(image);
  }

  async #take(engine: Engine, image: LabelledImage) {
    const images = this.images;
    const parts = await engine.request("beginLabelled", [image.source, image.display, image.runs()]);
    // In the meantime another training may have been asked for.
    if (this.images === images) this.#taken = { image, parts, encoded: 0 };
  }

  async #encodePart(engine: Engine, taken: Taken) {
    const share = (fraction: number) => (taken.encoded + fraction) / taken.parts;
    const preparing = { name: taken.image.name, place: this.#added + 1, all: this.images.length, fraction: share(0) };
    this.preparing = preparing;
    this.#encode = engine.start("encodeLabelled", [], (fraction) => {
      preparing.fraction = share(fraction);
      this.#changed();
    });
    this.#changed();
    try {
      if (await this.#encode.done) taken.encoded += 1;
    } finally {
      this.#encode = undefined;
    }
  }

  async #add(engine: Engine, taken: Taken) {
    await engine.request("addLabelled", []);
    if (this.#taken !== taken) return;
    this.#taken = undefined;
    this.preparing = undefined;
    this.#added += 1;
  }
}
