// What the person wants of a training against what the engine has of it. The session's loop asks for the next
// step when nothing more urgent waits.

import { CrashError } from "./engine_client.js";
import { sameRuns, unpack } from "./runs.js";
import { WorkEstimate } from "./work_estimate.js";

/** Milliseconds of work between two checkpoints. */
const CHECKPOINT_EVERY = 10_000;
const CRASHES_IN_A_ROW = 3;
/** Objects without which nothing can be both trained on and held out. */
const FEWEST_OBJECTS = 2;

/** @typedef {import("./engine_client.js").EngineClient} EngineClient */
/** @typedef {"none" | "ready" | "preparing" | "training" | "stopped" | "done" | "stored"} TrainingPhase */

/**
 * @typedef {object} TrainingEvents
 * @property {() => void} changed something was asked for
 * @property {(sentence: string) => void} failed
 * @property {() => void} advanced the training got further than ever, so the engine is well
 */

/** @param {LabelledImage} a @param {LabelledImage} b */
function sameLabels(a, b) {
  return JSON.stringify(a.display) === JSON.stringify(b.display) && sameRuns(a.runs(), b.runs());
}

export class Training {
  /** As far as the engine told; losses and scores grow. @type {TrainingInfo | undefined} */
  info;
  /** The checkpoint in the browser's storage. @type {StoredTraining | undefined} */
  stored;
  /** The image that is being added. @type {{name: string, place: number, all: number, fraction: number} | undefined} */
  preparing;
  /** Objects of the judgement that runs. */
  judged = 0;
  /** Whether the best decoder beats the untouched one; undefined until a training ended. @type {boolean | undefined} */
  improved;

  #labelled;
  #decoder;
  #events;
  #storedRead = false;
  #running = false;
  /** How the running training ends now. @type {"stopped" | "done" | undefined} */
  #ending;
  /** How it ended; undefined when the engine has none. @type {"stopped" | "done" | undefined} */
  #ended;
  #discarding = false;
  /** The training set as it was when the training began. @type {LabelledImage[]} */
  #images = [];
  /** How many of them the engine has. */
  #added = 0;
  /** The engine has the training. */
  #live = false;
  /** @type {TrainingSettings | undefined} */
  #settings;
  /** The stored checkpoint is this training's, so it goes on from there. */
  #fromCheckpoint = false;
  #sinceCheckpoint = 0;
  #storageTold = false;
  #crashes = 0;
  /** Steps and judgements that were done before the last crash. */
  #reached = 0;
  #estimate = new WorkEstimate();
  /** @type {import("./engine_client.js").Running<boolean> | undefined} */
  #adding;

  /**
   * @param {() => LabelledImage[]} labelled the project's labelled images
   * @param {import("./fine_tuned.js").FineTuned} decoder
   * @param {TrainingEvents} events
   */
  constructor(labelled, decoder, events) {
    this.#labelled = labelled;
    this.#decoder = decoder;
    this.#events = events;
  }

  /** @returns {TrainingPhase} */
  get phase() {
    if (this.#running) return this.#live ? "training" : "preparing";
    if (this.#ended) return this.#ended;
    if (this.stored) return "stored";
    return this.obstacle ? "none" : "ready";
  }

  get ending() {
    return this.#running && this.#ending !== undefined;
  }

  /** Why a new training cannot start. */
  get obstacle() {
    const labelled = this.#labelled();
    const objects = labelled.reduce((sum, image) => sum + image.objects, 0);
    if (objects < FEWEST_OBJECTS) {
      return objects === 0
        ? "Label at least two objects to train on them."
        : "One object is not enough: label at least one more, so that one can be held out.";
    }
    if (labelled.length > 1 && labelled.every(({ heldOut }) => heldOut)) {
      return "All images are held out; leave at least one to train on.";
    }
    return "";
  }

  /** Why the stored training cannot be resumed. */
  get resumeObstacle() {
    if (this.#ended) return "";
    const missing = this.#storedImages().filter((image) => !image).length;
    if (missing === 0) return "";
    return `${missing === 1 ? "An image" : `${missing} images`} of this training ${missing === 1 ? "has" : "have"} no labels in the list any more.`;
  }

  /** Done from 0 to 1, and milliseconds left if they can be told. */
  get progress() {
    return this.info ? this.#estimate.of(this.info, this.judged) : { fraction: 0, left: undefined };
  }

  /** Begins anew. @param {TrainingSettings} settings */
  start(settings) {
    this.#take(this.#labelled());
    this.#settings = settings;
    this.#fromCheckpoint = false;
    this.info = undefined;
  }

  /** Goes on in the engine, or from the stored checkpoint if the engine has none or the labels are others now. */
  resume() {
    const images = this.#storedImages().filter((image) => image !== undefined);
    // Without a checkpoint the engine has all there is of the training.
    if (this.#live && !(this.#fromCheckpoint && this.#labelsChanged())) this.#run();
    else {
      this.#take(images);
      this.#fromCheckpoint = true;
    }
  }

  /** Ends the training after the piece of work at hand; what was best is kept. */
  stop() {
    if (this.#live) this.#ending = "stopped";
    else this.#halt();
    this.#events.changed();
  }

  /** Removes the training and its checkpoint; an adopted decoder stays. */
  discard() {
    this.#discarding = true;
    this.#events.changed();
  }

  /** Breaks an encode for the training set off; it is done again later. */
  interrupt() {
    this.#adding?.cancel();
  }

  /** @param {EngineClient} client @param {string | undefined} model the loaded one's name @returns {(() => Promise<void>) | undefined} */
  nextStep(client, model) {
    if (!this.#storedRead) return () => this.#readStored(client);
    if (!model) return;
    if (this.#discarding) return () => this.#discard(client);
    if (!this.#running) return;
    if (!this.#live) return () => this.#prepare(client);
    if (this.#ending) return () => this.#end(client, model);
    if (this.#sinceCheckpoint >= CHECKPOINT_EVERY) return () => this.#keep(client, model);
    return () => this.#advance(client);
  }

  /** The engine is gone. @returns {string} what becomes of the training, as a part of a sentence */
  engineLost() {
    this.#reached = Math.max(this.#reached, this.#done);
    this.#forgetEngine();
    if (!this.#running) return "";
    this.#crashes += 1;
    if (this.#crashes >= CRASHES_IN_A_ROW) {
      this.#halt();
      const resume = this.#fromCheckpoint ? "; press Resume to go on from its last checkpoint" : "";
      return `, but the training was stopped, because it got no further after ${this.#crashes} crashes${resume}`;
    }
    return this.#fromCheckpoint
      ? `, and the training goes on from its last checkpoint, after step ${this.stored?.step}`
      : ", and the training begins again";
  }

  /** Before another model is loaded, which drops the training. @param {EngineClient} client @param {string | undefined} model the one before */
  async beforeModel(client, model) {
    if (this.#running && this.#live && model) await this.#keep(client, model);
  }

  /** @param {string | undefined} before the model's name that the training was of */
  modelChanged(before) {
    const ran = this.#running;
    this.#forgetEngine();
    this.#halt();
    if (!ran) return;
    const how = this.#fromCheckpoint ? `open ${before} again and press Resume to go on from its last checkpoint` : "press Train to begin anew";
    this.#events.failed(`The training was stopped, because it belongs to the model before, ${before}; ${how}.`);
  }

  #forgetEngine() {
    this.#live = false;
    this.#added = 0;
    this.#ended = undefined;
    this.preparing = undefined;
  }

  #halt() {
    this.#running = false;
    this.#ending = undefined;
    this.preparing = undefined;
    this.#adding?.cancel();
  }

  /** @param {LabelledImage[]} images */
  #take(images) {
    // As they are now: the person may go on labelling, but after a crash the same labels are needed.
    this.#images = images.map((image) => {
      const runs = image.runs();
      return { ...image, runs: () => runs };
    });
    this.#forgetEngine();
    this.#run();
  }

  #run() {
    this.#running = true;
    this.#ending = undefined;
    this.#ended = undefined;
    this.#sinceCheckpoint = 0;
    this.#storageTold = false;
    this.#crashes = 0;
    this.#reached = 0;
    this.#estimate = new WorkEstimate();
    this.improved = undefined;
    this.#events.changed();
  }

  /** Steps and judgements done. */
  get #done() {
    return this.info ? this.info.step + this.info.scores.length : 0;
  }

  #storedImages() {
    const labelled = this.#labelled();
    return this.stored?.images.map((id) => labelled.find((image) => image.id === id)) ?? [];
  }

  #labelsChanged() {
    const labelled = this.#labelled();
    return !this.#images.every((image) => {
      const now = labelled.find(({ id }) => id === image.id);
      return now !== undefined && sameLabels(now, image);
    });
  }

  /** @param {EngineClient} client */
  async #readStored(client) {
    this.#storedRead = true;
    this.stored = await client.request("storedTraining", []);
  }

  /** @param {EngineClient} client */
  async #prepare(client) {
    try {
      if (this.#added < this.#images.length) await this.#addNext(client);
      else await this.#begin(client);
    } catch (error) {
      if (!(error instanceof CrashError)) {
        this.#forgetEngine();
        this.#halt();
      }
      throw error;
    }
  }

  /** @param {EngineClient} client */
  async #addNext(client) {
    const images = this.#images;
    const image = images[this.#added];
    if (this.#added === 0) {
      await this.#checkBase(client);
      await client.request("clearLabelled", []);
    }
    const preparing = { name: image.name, place: this.#added + 1, all: this.#images.length, fraction: 0 };
    this.preparing = preparing;
    const ids = unpack(image.runs(), image.width * image.height);
    this.#adding = client.start("addLabelled", [image.source, image.display, ids], (fraction) => {
      preparing.fraction = fraction;
      this.#events.changed();
    });
    this.#events.changed();
    try {
      // In the meantime another training may have been asked for.
      if ((await this.#adding.done) && this.#images === images) this.#added += 1;
    } catch (error) {
      if (error instanceof CrashError) throw error;
      throw new Error(`${image.name} cannot be trained on: ${error instanceof Error ? error.message : error}`);
    } finally {
      this.#adding = undefined;
      this.preparing = undefined;
    }
  }

  /** Before images are encoded in vain. @param {EngineClient} client */
  async #checkBase(client) {
    if (!this.#fromCheckpoint || !this.stored) return;
    if ((await client.request("baseSha256", [])) !== this.stored.base) {
      throw new Error(`The training was begun on another model, ${this.stored.model}; open that one and press Resume.`);
    }
  }

  /** @param {EngineClient} client */
  async #begin(client) {
    if (this.#fromCheckpoint) this.info = await client.request("resumeTraining", []);
    else if (this.#settings) {
      const several = this.#images.length > 1;
      const heldOut = this.#images.flatMap((image, place) => (several && image.heldOut ? [place] : []));
      this.info = await client.request("startTraining", [this.#settings, heldOut]);
    }
    this.judged = 0;
    this.#sinceCheckpoint = 0;
    this.#live = true;
  }

  /** @param {EngineClient} client */
  async #advance(client) {
    const started = performance.now();
    try {
      this.#report(await client.request("train", []), performance.now() - started);
    } catch (error) {
      // The best so far is kept.
      if (!(error instanceof CrashError)) this.#ending = "stopped";
      throw error;
    }
  }

  /** @param {TrainingReport} report @param {number} time */
  #report({ step, loss, judged, scores, finished }, time) {
    const info = this.info;
    if (!info) return;
    info.step = step;
    if (loss !== undefined) info.losses.push(loss);
    if (scores) info.scores.push(scores);
    this.judged = judged?.[0] ?? 0;
    this.#sinceCheckpoint += time;
    if (loss !== undefined || judged || scores) this.#estimate.add(time, loss !== undefined ? "step" : "object");
    if (finished) this.#ending = "done";
    // A crash may come back at the same piece of work for ever.
    if (this.#done <= this.#reached) return;
    this.#crashes = 0;
    this.#events.advanced();
  }

  /** Adopts the best decoder and keeps a checkpoint. @param {EngineClient} client @param {string} model */
  async #end(client, model) {
    try {
      const best = await client.request("adoptBest", []);
      this.improved = best !== undefined;
      if (best) await this.#decoder.adopted(client, best);
      else this.#decoder.use(false);
    } finally {
      await this.#keep(client, model);
      this.#running = false;
      this.#ended = this.#ending;
      this.#ending = undefined;
    }
  }

  /** @param {EngineClient} client @param {string} model */
  async #keep(client, model) {
    const { info } = this;
    if (!info) return;
    const about = { model, settings: info.settings, step: info.step, when: Date.now(), images: this.#images.map(({ id }) => id) };
    this.#sinceCheckpoint = 0;
    try {
      this.stored = await client.request("storeCheckpoint", [about]);
      this.#fromCheckpoint = true;
    } catch (error) {
      if (error instanceof CrashError) throw error;
      if (!this.#storageTold && error instanceof Error) this.#events.failed(error.message);
      this.#storageTold = true;
    }
  }

  /** @param {EngineClient} client */
  async #discard(client) {
    this.#discarding = false;
    this.#halt();
    this.#forgetEngine();
    this.#images = [];
    this.info = undefined;
    this.stored = undefined;
    this.improved = undefined;
    await client.request("clearLabelled", []);
    await client.request("removeCheckpoint", []);
  }
}
