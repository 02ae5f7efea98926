// What the person wants of a training against what the engine has of it. It is last in line, so clicks are answered
// between two pieces of its work.

import { effect, signal, untracked } from "../vendor/signals-core.js";
import type { Notices } from "../document/notices.js";
import type { LabelledImage, Project } from "../document/project.js";
import type { StoredTraining } from "../document/types.js";
import { WorkEstimate } from "../document/work_estimate.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { TrainingInfo, TrainingReport, TrainingSettings } from "../engine/graysam.js";
import type { DecoderJob } from "./decoder_job.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";
import { asTheyAre, heldOutPlaces, labelsChanged, leftOutSentence, obstacleOf } from "./training_set.js";
import { TrainingSetLoader } from "./training_set_loader.js";

/** Milliseconds of work between two checkpoints. */
const CHECKPOINT_EVERY = 10_000;
const CRASHES_IN_A_ROW = 3;

export type TrainingPhase = "none" | "ready" | "preparing" | "training" | "stopped" | "done" | "stored";

export class TrainingJob implements Job {
  /** Counts the changes of all that is read here. */
  readonly changes = signal(0);
  /** As far as the engine told; losses and evaluations grow. */
  info: TrainingInfo | undefined;
  /** The checkpoint in the browser's storage. */
  stored: StoredTraining | undefined;
  /** Held-out objects that the running evaluation has been through. */
  evaluated = 0;
  /** Whether the best decoder beats the untouched one; undefined until a training has ended. */
  improved: boolean | undefined;

  #project;
  #model;
  #decoder;
  #notices;
  #advanced;
  #storedRead = false;
  #running = false;
  /** How the running training is to end. */
  #ending: "stopped" | "done" | undefined;
  /** How it ended; undefined when the engine has none. */
  #ended: "stopped" | "done" | undefined;
  #discarding = false;
  /** The training set as it was when the training began. */
  #images: LabelledImage[] = [];
  /** Brings them into the engine. */
  #loader = new TrainingSetLoader(() => this.#changed());
  /** The engine has the training. */
  #live = false;
  /** It does a piece of it, beside which it answers others. */
  #atWork = false;
  #settings: TrainingSettings | undefined;
  /** The stored checkpoint is this training's, so it goes on from there. */
  #fromCheckpoint = false;
  #sinceCheckpoint = 0;
  #storageTold = false;
  #crashes = 0;
  /** Steps and evaluations that were done before the last crash. */
  #reached = 0;
  #estimate = new WorkEstimate();

  /** @param advanced called when the training got further than ever */
  constructor(project: Project, model: ModelJob, image: ImageJob, decoder: DecoderJob, notices: Notices, advanced: () => void) {
    this.#project = project;
    this.#model = model;
    this.#decoder = decoder;
    this.#notices = notices;
    this.#advanced = advanced;
    // An encode for the training set is broken off for what the person asked for, and done again later.
    effect(() => {
      if (image.requested.value || model.requested.value) untracked(() => this.#loader.interrupt());
    });
  }

  get phase(): TrainingPhase {
    if (this.#running) return this.#live ? "training" : "preparing";
    if (this.#ended) return this.#ended;
    if (this.stored) return "stored";
    return this.obstacle ? "none" : "ready";
  }

  get ending() {
    return this.#running && this.#ending !== undefined;
  }

  /** Why a new training cannot start, as a sentence; empty: it can. */
  get obstacle() {
    return obstacleOf(this.#project.labelled.value);
  }

  /** Why the stored training cannot be resumed. */
  get resumeObstacle() {
    if (this.#ended) return "";
    const missing = this.#storedImages().filter((image) => !image).length;
    if (missing === 0) return "";
    return `${missing === 1 ? "An image" : `${missing} images`} of this training ${missing === 1 ? "has" : "have"} no labels in the list any more.`;
  }

  /** The image that is being added to the training set. */
  get preparing() {
    return this.#running ? this.#loader.preparing : undefined;
  }

  /** What is done, from 0 to 1, and milliseconds left if they can be told. */
  get progress() {
    return this.info ? this.#estimate.of(this.info, this.evaluated) : { fraction: 0, left: undefined };
  }

  /** Begins anew. */
  start(settings: TrainingSettings) {
    this.#begin(this.#project.labelled.peek());
    this.#settings = settings;
    this.#fromCheckpoint = false;
    this.info = undefined;
    this.#changed();
  }

  /** Goes on in the engine, or from the stored checkpoint if the engine has none or the labels have changed. */
  resume() {
    const images = this.#storedImages().filter((image) => image !== undefined);
    // Without a checkpoint the engine has all there is of the training.
    if (this.#live && !(this.#fromCheckpoint && labelsChanged(this.#images, this.#project.labelled.peek()))) this.#run();
    else {
      this.#begin(images);
      this.#fromCheckpoint = true;
    }
    this.#changed();
  }

  /** Ends the training after the piece of work at hand; the best decoder so far is kept. */
  stop() {
    if (this.#live) this.#ending = "stopped";
    else this.#halt();
    this.#changed();
  }

  /** Removes the training and its checkpoint; an adopted decoder stays. */
  discard() {
    this.#discarding = true;
    this.#changed();
  }

  next(engine: Engine): Step | undefined {
    // Its state is no signal but for this.
    void this.changes.value;
    const step = this.#next(engine);
    return step && (() => step().finally(() => this.#changed()));
  }

  #next(engine: Engine): (() => Promise<void>) | undefined {
    if (this.#atWork) return;
    if (!this.#storedRead) return () => this.#readStored(engine);
    const model = this.#model.name.value;
    if (!model) return;
    if (this.#discarding) return () => this.#discard(engine);
    if (!this.#running) return;
    if (!this.#live) return () => this.#prepare(engine);
    if (this.#ending) return () => this.#end(engine, model);
    if (this.#sinceCheckpoint >= CHECKPOINT_EVERY) return () => this.#keep(engine, model);
    return async () => void this.#advance(engine);
  }

  engineLost() {
    const end = this.#lose();
    this.#changed();
    return end;
  }

  #lose() {
    this.#reached = Math.max(this.#reached, this.#done);
    this.#forgetEngine();
    if (!this.#running) return "";
    // It is no longer done where it begins again.
    if (this.#ending === "done") this.#ending = undefined;
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

  /** Before another model is loaded, which drops the training. @param model the name of the one before */
  async leaveModel(engine: Engine, model: string | undefined) {
    if (this.#running && this.#live && model) await this.#keep(engine, model);
  }

  modelChanged(before: string | undefined) {
    const ran = this.#running;
    this.#forgetEngine();
    this.#halt();
    this.#changed();
    if (!ran) return;
    const how = this.#fromCheckpoint
      ? `open ${before} again and press Resume to go on from its last checkpoint`
      : "press Train to begin anew";
    this.#notices.tell(`The training was stopped, because it belongs to the model before, ${before}; ${how}.`);
  }

  #changed() {
    this.changes.value = this.changes.peek() + 1;
  }

  #forgetEngine() {
    this.#live = false;
    this.#loader.begin(this.#images);
    this.#ended = undefined;
  }

  #halt() {
    this.#running = false;
    this.#ending = undefined;
    this.#loader.interrupt();
  }

  #begin(images: LabelledImage[]) {
    this.#images = asTheyAre(images);
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
  }

  /** Steps and evaluations done. */
  get #done() {
    return this.info ? this.info.step + this.info.evaluations.length : 0;
  }

  #storedImages() {
    const labelled = this.#project.labelled.value;
    return this.stored?.images.map((id) => labelled.find((image) => image.id === id)) ?? [];
  }

  async #readStored(engine: Engine) {
    this.#storedRead = true;
    try {
      this.stored = await engine.request("storedTraining", []);
    } catch (error) {
      if (error instanceof CrashError) this.#storedRead = false;
      throw error;
    }
  }

  async #prepare(engine: Engine) {
    try {
      if (!this.#loader.complete) await this.#addNext(engine);
      else await this.#startTraining(engine);
    } catch (error) {
      if (!(error instanceof CrashError)) {
        this.#forgetEngine();
        this.#halt();
      }
      throw error;
    }
  }

  async #addNext(engine: Engine) {
    if (this.#loader.untouched) {
      await this.#checkBase(engine);
      await engine.request("clearLabelled", []);
    }
    await this.#loader.step(engine, this.#fromCheckpoint);
  }

  /** Before images are encoded in vain. */
  async #checkBase(engine: Engine) {
    if (!this.#fromCheckpoint || !this.stored) return;
    if ((await engine.request("baseSha256", [])) !== this.stored.base) {
      throw new Error(`The training was begun on another model, ${this.stored.model}; open that one and press Resume.`);
    }
  }

  async #startTraining(engine: Engine) {
    this.#takeKept();
    if (this.#fromCheckpoint) this.info = await engine.request("resumeTraining", []);
    else if (this.#settings) {
      this.info = await engine.request("startTraining", [this.#settings, heldOutPlaces(this.#images)]);
    }
    this.evaluated = 0;
    this.#sinceCheckpoint = 0;
    this.#live = true;
  }

  /** What the engine could not take is not part of the training. */
  #takeKept() {
    const { images, leftOut } = this.#loader;
    if (leftOut.length === 0) return;
    const sentence = leftOutSentence(leftOut, images);
    const obstacle = obstacleOf(images);
    if (obstacle) throw new Error(`${sentence} ${obstacle}`);
    this.#images = [...images];
    this.#notices.tell(sentence);
  }

  /** Has the engine do a piece of work. Others' steps are taken meanwhile. */
  async #advance(engine: Engine) {
    const [started, info] = [performance.now(), this.info];
    // Another training may have been begun.
    const isHere = () => this.#live && this.info === info;
    this.#atWork = true;
    try {
      const report = await engine.request("train", []);
      if (isHere()) this.#report(report, performance.now() - started);
    } catch (error) {
      // The scheduler hears of a crash itself.
      if (error instanceof CrashError) return;
      // The best so far is kept.
      if (isHere()) this.#ending = "stopped";
      this.#notices.fail(error);
    } finally {
      this.#atWork = false;
      this.#changed();
    }
  }

  #report({ step, loss, evaluated, evaluation, finished }: TrainingReport, time: number) {
    const info = this.info;
    if (!info) return;
    info.step = step;
    if (loss !== undefined) info.losses.push(loss);
    if (evaluation) info.evaluations.push(evaluation);
    this.evaluated = evaluated?.[0] ?? 0;
    this.#sinceCheckpoint += time;
    if (loss !== undefined || evaluated || evaluation) this.#estimate.add(time, loss !== undefined ? "step" : "object");
    if (finished) this.#ending = "done";
    // A crash may come back at the same piece of work for ever.
    if (this.#done <= this.#reached) return;
    this.#crashes = 0;
    this.#advanced();
  }

  /** Adopts the best decoder and keeps a checkpoint. */
  async #end(engine: Engine, model: string) {
    try {
      const best = await engine.request("adoptBest", []);
      this.improved = best !== undefined;
      if (best) await this.#decoder.adopted(engine, best);
      else this.#decoder.use(false);
    } finally {
      await this.#keep(engine, model);
      this.#running = false;
      this.#ended = this.#ending;
      this.#ending = undefined;
    }
  }

  async #keep(engine: Engine, model: string) {
    const { info } = this;
    if (!info) return;
    const about = { model, settings: info.settings, step: info.step, when: Date.now(), images: this.#images.map(({ id }) => id) };
    this.#sinceCheckpoint = 0;
    try {
      this.stored = await engine.request("storeCheckpoint", [about]);
      this.#fromCheckpoint = true;
    } catch (error) {
      if (error instanceof CrashError) throw error;
      if (!this.#storageTold) this.#notices.fail(error);
      this.#storageTold = true;
    }
  }

  async #discard(engine: Engine) {
    this.#discarding = false;
    this.#halt();
    this.#forgetEngine();
    this.#images = [];
    this.info = undefined;
    this.stored = undefined;
    this.improved = undefined;
    try {
      await engine.request("clearLabelled", []);
      await engine.request("removeCheckpoint", []);
    } catch (error) {
      if (error instanceof CrashError) this.#discarding = true;
      throw error;
    }
  }
}
