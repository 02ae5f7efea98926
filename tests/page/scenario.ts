// A visit from the start of the engine to another model, with all that the engine can be asked for in between.

import assert from "node:assert/strict";

import type { Way } from "../../www/session/automatic_masks_job.js";
import type { AutomaticMaskSettings, DeviceChoice, InstanceSettings, PromptRound, TrainingSettings } from "../../www/engine/graysam.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { effect } from "../../www/vendor/signals-core.js";
import { planeOf } from "./shapes.js";
import { HEIGHT, OUT_OF_ORDER, WIDTH, type World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

const TRAINING: TrainingSettings = {
  steps: 6,
  batch: 1,
  learning_rate: 1e-4,
  rounds: 1,
  points: 0.5,
  held_out: 0.5,
  evaluate_every: 3,
  seed: 0,
};

/** What is there at the end of a step. */
export interface Outcome {
  step: string;
  state: string;
  model: string | undefined;
  /** It has a decoder of instances. */
  instances: boolean | undefined;
  image: string | undefined;
  rounds: readonly PromptRound[];
  mask: string;
  beside: string;
  training: (string | number | boolean | undefined)[];
  checkpoint: number | undefined;
  objects: number;
  /** How many suggestions each image has; undefined: it was not searched. */
  suggestions: (number | undefined)[];
}

export class Scenario {
  readonly visit;
  readonly outcomes: Outcome[] = [];
  /** What the person was told. */
  readonly sentences: string[] = [];
  /** Steps that had to be asked for again. */
  readonly repeated: string[] = [];
  /** Called at rest, after each step. */
  atRest: (step: string) => Promise<void> = async () => {};
  /** Steps that lead to nothing are left at that. */
  resigned = false;
  /** Lets time pass. */
  #wait;

  private constructor(visit: Visit, wait: (milliseconds: number) => void) {
    this.visit = visit;
    this.#wait = wait;
    effect(() => {
      const notice = visit.bench.notices.current.value;
      if (notice) this.sentences.push(notice.sentence);
    });
  }

  /** @param wait lets time pass */
  static async begin(world: World, wait: (milliseconds: number) => void, device: DeviceChoice = "cpu") {
    const images = [labelledImage("a"), labelledImage("b"), labelledImage("c")];
    return new Scenario(await Visit.begin(world, device, images), wait);
  }

  /** What the person was told of crashes. */
  get crashes() {
    return this.sentences.filter((sentence) => sentence.startsWith("The engine crashed"));
  }

  async run() {
    const { session, project, images, prompts, history, labelTools } = this.visit.bench;
    const click =
      (x: number, y: number, side = 0) =>
      () =>
        prompts.add({ kind: "point", x, y, positive: true }, side);
    await this.#step(
      "start",
      () => {},
      () => session.state.peek() === "ready",
    );
    await this.#open("a");
    const display = () => ({ ...PLAIN_DISPLAY, ...project.display.peek(), gamma: 2 });
    await this.#step("display", () => images.setDisplay(display()));
    await this.#preview();
    await this.#step("first prompt", click(3, 4));
    await this.#step("candidate", () => prompts.select(2));
    await this.#step("second prompt", click(6, 5));
    await this.#step("third prompt", click(8, 8));
    await this.#step("undo", () => void history.undo());
    await this.#step("closer prompt", click(7, 6, 4));
    await this.#train();
    await this.#step("comparison", () => session.decoder.compare(true));
    await this.#step("untouched decoder", () => session.decoder.use(false));
    await this.#step("fine-tuned decoder", () => session.decoder.use(true));
    await this.#step("accept", () => labelTools.accept());
    await this.#search("search", { method: "grid", settings: {} as AutomaticMaskSettings });
    await this.#openInstances();
    // The page does not offer it otherwise.
    if (session.model.info.peek()?.instances) {
      await this.#search("search instances", { method: "watershed", settings: {} as InstanceSettings });
    }
    await this.#find();
    await this.#open("b");
    await this.#step("quiet", () => this.#wait(2000));
    await this.#model("ViT-B");
    await this.#step("prompt", click(2, 2));
    const decoder = new Blob(["decoder of a file"]);
    await this.#step(
      "open a decoder",
      () => session.decoder.open(decoder),
      () => session.decoder.info.peek() !== undefined,
    );
    await this.#step("discard", () => session.training.discard());
  }

  /** Asks, again after a crash, until it is so. */
  async #step(step: string, ask: () => void, reached = () => true) {
    const { world } = this.visit;
    for (let crashes = -1; crashes < 0 || (!reached() && !this.resigned);) {
      assert.notEqual(crashes, world.crashes, `${step}: what was asked for was dropped without a crash; ${this.visit.sentence}`);
      if (crashes >= 0) this.repeated.push(step);
      crashes = world.crashes;
      ask();
      await this.#rest();
    }
    assert.ok(!this.sentences.some((sentence) => sentence.startsWith(OUT_OF_ORDER)), this.visit.sentence);
    await this.atRest(step);
    if (!this.resigned) this.#note(step);
  }

  /** Waits until there is nothing to do. An engine that was given up is started again, once. */
  async #rest() {
    const { visit } = this;
    const { scheduler } = visit.bench.session;
    await visit.rest();
    if (!scheduler.stopped.peek()) return;
    scheduler.restart();
    await visit.rest();
  }

  async #train() {
    const { training } = this.visit.bench.session;
    const train = () => (training.stored ? training.resume() : training.start(TRAINING));
    const ended = () => ["done", "stored"].includes(training.phase) && training.stored?.step === TRAINING.steps;
    await this.#step("training", train, ended);
  }

  async #open(name: string) {
    const { session, project } = this.visit.bench;
    const source = project.imageOf(name)?.source ?? sourceOf(name);
    await this.#step(
      `open ${name}`,
      () => void session.openImage(source),
      () => project.current.peek()?.name === name,
    );
  }

  async #model(name: string) {
    const { session } = this.visit.bench;
    const file = new File([name], name);
    await this.#step(
      "model",
      () => session.openModel({ kind: "file", file }),
      () => session.model.info.peek()?.name === name,
    );
  }

  async #preview() {
    const { preview } = this.visit.bench.session;
    const point = () => {
      preview.choose(true);
      preview.point({ x: 3.5, y: 3.5 });
    };
    await this.#step("preview", point, () => preview.mask.peek() !== undefined);
  }

  async #search(step: string, way: Way) {
    const { session, project } = this.visit.bench;
    const before = project.current.peek()?.labels.objects ?? 0;
    const found = () => (project.current.peek()?.labels.objects ?? 0) > before;
    await this.#step(step, () => session.automaticMasks.start(way), found);
  }

  /** Opens a decoder of instances beside the model. */
  async #openInstances() {
    const { session } = this.visit.bench;
    const file = new File(["instances"], "instances.pt");
    await this.#step(
      "open instances",
      () => session.openModel({ kind: "file", file }),
      () => session.model.info.peek()?.instances === true,
    );
  }

  async #find() {
    const { session, project } = this.visit.bench;
    const { finding } = session;
    const learned = () => project.suggestions.learned.peek() !== undefined;
    await this.#step("find the rest", () => finding.findRest(), learned);
    const searched = () => project.images.peek().every(({ searchedBy }) => searchedBy === project.suggestions.learned.peek()?.id);
    await this.#step("on all images", () => finding.findEverywhere(), searched);
  }

  #note(step: string) {
    const { visit } = this;
    const { session, project, draft } = visit.bench;
    visit.checkAgreement();
    const { phase, info, improved, stored } = session.training;
    // After a crash it is the checkpoint that is there.
    const kept = phase === "done" ? "stored" : phase;
    this.outcomes.push({
      step,
      state: session.state.peek(),
      model: session.model.info.peek()?.name,
      instances: session.model.info.peek()?.instances,
      image: session.image.source.peek()?.name,
      rounds: draft.rounds.peek(),
      mask: String(visit.mask ?? "none"),
      beside: String(planeOf(session.compare.mask.peek(), WIDTH, HEIGHT) ?? "none"),
      training: [kept, info?.step, info?.losses.length, info?.evaluations.length, improved, stored?.step],
      checkpoint: visit.world.checkpoint?.step,
      objects: project.current.peek()?.labels.objects ?? 0,
      suggestions: project.images.peek().map(({ suggestions, searchedBy }) => (searchedBy ? suggestions.length : undefined)),
    });
  }
}
