// An engine without a model. It keeps what the real one keeps, refuses what comes out of order, and dies when it is to.

import type {
  ChannelChoice,
  DeviceCheck,
  DeviceSpeed,
  Display,
  Part,
  PromptRound,
  SettingRanges,
  TrainingInfo,
  TrainingReport,
  TrainingSettings,
} from "../../www/engine/graysam.js";
import { CrashError, type Engine, type Running } from "../../www/engine/client.js";
import type { MaskReply, WorkerMethod, WorkerMethods } from "../../www/engine/methods.js";
import { Turns } from "../../www/engine/turns.js";
import type { ImageSource, StoredTraining } from "../../www/document/types.js";
import { infoOf, maskOf, predictionOf, wholeOf } from "./stand_in_answers.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { boxed } from "./shapes.js";
import { StandInFinder } from "./stand_in_finder.js";

export const [WIDTH, HEIGHT] = [12, 10];

type Value<M extends WorkerMethod> = ReturnType<WorkerMethods[M]>;
type Methods = { [M in WorkerMethod]?: (...args: Parameters<WorkerMethods[M]>) => Value<M> | Promise<Value<M>> };

/** What outlives an engine, and what the tests decide. */
export class World {
  /** All requests that an engine has begun, to whichever engine. */
  readonly requests: WorkerMethod[] = [];
  /** The engine that was made last. */
  engine: StandInEngine | undefined;
  engines = 0;
  crashes = 0;
  /** Whether an engine dies at a request, by its place from 1 on. */
  deadly: (place: number, method: WorkerMethod) => boolean = () => false;
  /** It dies with the work done, but before it replies. */
  late = false;
  /** What a check of the GPU finds. */
  check: DeviceCheck = { avoided: [], usable: true, note: null, tiles: { single: "128 × 64", half: "128 × 64" } };
  /** What a person's check of the GPU finds. */
  speed: DeviceSpeed | undefined;
  /** What a device of this choice is called. */
  device = (choice: string): string => (choice === "cpu" ? "CPU" : "WebGPU (stand-in)");
  /** The devices that were asked for. */
  readonly choices: string[] = [];
  /** Errors that the engine replies with, by method. */
  readonly errors = new Map<WorkerMethod, string>();
  /** How the default model's file is replied to. */
  modelStatus = 200;
  /** The images that the last training was to hold out. */
  heldOut: string[] = [];
  /** Pages of each image file. */
  pages = 1;
  /** Names of the channels of each image file. */
  channels = [""];
  /** Images whose objects are all too small to train on, by their names. */
  readonly tiny = new Set<string>();
  /** The images that were searched with what was learned, by name. */
  readonly found: string[] = [];
  /** Whether each check of the GPU was to choose tiles. */
  readonly choosesTiles: boolean[] = [];
  /** Whether a check of an earlier visit is understood. */
  takesChecks = true;
  /** Whether a training has threads of its own. */
  trainsBeside = true;
  /** What a piece of training waits for. */
  trains: Promise<void> = Promise.resolve();
  /** Requests get no answer any more. */
  silent = false;
  checkpoint: (StoredTraining & Pick<TrainingInfo, "evaluations" | "losses">) | undefined;

  readonly make = (onCrash: (crash: CrashError) => void): Engine => {
    this.engines += 1;
    this.engine = new StandInEngine(this, onCrash);
    return this.engine;
  };
}

interface Trainer {
  settings: TrainingSettings;
  images: string[];
  step: number;
  losses: (number | null)[];
  evaluations: TrainingInfo["evaluations"];
}

/** What the engine calls a page of a file. */
export function placeOf({ name, page = 0 }: Pick<ImageSource, "name" | "page">) {
  return page > 0 ? `${name}, page ${page}` : name;
}

/** The square in which the last prompt begins, of the side at which that looks; undefined: it looks at the whole image. */
function partOf(rounds: readonly PromptRound[]): Part | undefined {
  const { prompt, side } = rounds[rounds.length - 1];
  if (side === 0) return;
  const [x, y] = (prompt.kind === "point" ? [prompt.x, prompt.y] : [prompt.x0, prompt.y0]).map((at) => Math.floor(at / side) * side);
  return { x, y, width: Math.min(side, WIDTH - x), height: Math.min(side, HEIGHT - y) };
}

/** Lets everything else go on. */
export function pause() {
  return new Promise<void>((resolve) => setImmediate(resolve));
}

/** What an error begins with that says that the engine was asked too early. */
export const OUT_OF_ORDER = "Out of order: ";

function refuse(sentence: string): never {
  throw new Error(OUT_OF_ORDER + sentence);
}

export class StandInEngine implements Engine {
  model: string | undefined;
  /** The decoder of instances beside it. */
  instances: string | undefined;
  image: string | undefined;
  /** Those in which it was opened. */
  channels: ChannelChoice = "own";
  /** The model, the image and the display that were encoded. */
  embedding: string | undefined;
  /** The parts that were encoded besides. */
  parts = new Set<string>();
  answered: readonly PromptRound[] = [];
  decoder: string | undefined;
  fineTuned = false;
  labelled: string[] = [];
  trainer: Trainer | undefined;
  finder = new StandInFinder(WIDTH, HEIGHT);
  /** How often it was told that the person waits. */
  hurried = 0;

  #world;
  #onCrash;
  #created = false;
  #search: number | undefined;
  /** It is one by the decoder of instances. */
  #byInstances = false;
  /** What the images of the label files under way are called. */
  #labelFiles: string[] | undefined;
  /** The image on its way into the training set, and how many of its parts are left to encode. */
  #labelling: { name: string; left: number } | undefined;
  #crash: CrashError | undefined;
  #turns = new Turns();
  #cancelled = new Set<number>();
  #running = 0;
  #nextId = 1;
  #rejects = new Set<(error: Error) => void>();

  constructor(world: World, onCrash: (crash: CrashError) => void) {
    this.#world = world;
    this.#onCrash = onCrash;
    this.#turns.trainsBeside = Promise.resolve(world.trainsBeside);
  }

  start<M extends WorkerMethod>(method: M, args: Parameters<WorkerMethods[M]>): Running<Value<M>> {
    const id = this.#nextId++;
    const done = new Promise<Value<M>>((resolve, reject) => {
      if (this.#crash) return reject(this.#crash);
      this.#rejects.add(reject);
      const run = async () => {
        await pause();
        if (this.#crash) return;
        try {
          resolve(await this.#run(id, method, args));
        } catch (error) {
          reject(error);
        }
        this.#rejects.delete(reject);
      };
      this.#turns.take(method, run);
    });
    return { done, cancel: () => void this.#cancelled.add(id) };
  }

  request<M extends WorkerMethod>(method: M, args: Parameters<WorkerMethods[M]>): Promise<Value<M>> {
    return this.start(method, args).done;
  }

  hurry() {
    this.hurried += 1;
  }

  /** It holds a search for all objects, finished or not. */
  get searching() {
    return this.#search !== undefined;
  }

  /** What `rounds` are answered with. */
  mask(rounds: readonly PromptRound[], fineTuned = this.fineTuned) {
    return maskOf(rounds, WIDTH, HEIGHT, fineTuned ? 1 : 0);
  }

  die(reason: string) {
    this.#crash = new CrashError(reason);
    this.#world.crashes += 1;
    for (const reject of this.#rejects) reject(this.#crash);
    this.#onCrash(this.#crash);
    return this.#crash;
  }

  async #run<M extends WorkerMethod>(id: number, method: M, args: Parameters<WorkerMethods[M]>): Promise<Value<M>> {
    const { requests, late, errors, silent } = this.#world;
    if (silent) await new Promise(() => {});
    requests.push(method);
    const deadly = this.#world.deadly(requests.length, method);
    if (deadly && !late) throw this.die(`no. ${requests.length}, ${method}`);
    if (!this.#created && method !== "create") refuse(`${method} before create`);
    const error = errors.get(method);
    if (error) throw new Error(error);
    this.#running = id;
    const work = this.#methods[method] as ((...args: Parameters<WorkerMethods[M]>) => Value<M>) | undefined;
    if (!work) throw new Error(`The stand-in does not know ${method}.`);
    const value = await work(...args);
    if (deadly) throw this.die(`after no. ${requests.length}, ${method}`);
    return value;
  }

  /** Takes a while. @returns whether it was not cancelled */
  async #works() {
    const id = this.#running;
    for (let step = 0; step < 3; step++) {
      if (this.#cancelled.delete(id)) return false;
      await pause();
    }
    return true;
  }

  #open(name: string, channels: ChannelChoice = "own") {
    this.image = name;
    this.channels = channels;
    this.#forget();
    return infoOf(WIDTH, HEIGHT);
  }

  #put(model: string) {
    this.model = model;
    this.instances = undefined;
    this.#forget();
    this.decoder = undefined;
    this.fineTuned = false;
    this.finder = new StandInFinder(WIDTH, HEIGHT);
    this.#clear();
    return this.#modelInfo();
  }

  #modelInfo() {
    return { name: this.model ?? "", parameters: 1, instances: this.instances !== undefined };
  }

  #forget() {
    this.embedding = undefined;
    this.parts.clear();
    this.answered = [];
  }

  /** The part that the last prompt needs, if it has not been encoded. */
  #missing(rounds: readonly PromptRound[]) {
    const part = partOf(rounds);
    return part && !this.parts.has(JSON.stringify(part)) ? part : undefined;
  }

  #reply(rounds: readonly PromptRound[], fineTuned?: boolean): MaskReply {
    const needs = this.#missing(rounds);
    if (needs) return { needs };
    const mask = boxed(this.mask(rounds, fineTuned), WIDTH, HEIGHT);
    return { needs: undefined, prediction: predictionOf(rounds, mask, partOf(rounds) ?? wholeOf(WIDTH, HEIGHT)), mask };
  }

  #clear() {
    this.#labelling = undefined;
    this.labelled = [];
    this.trainer = undefined;
  }

  #needs(...what: ("model" | "image" | "embedding" | "decoder" | "trainer")[]) {
    for (const one of what) if (this[one] === undefined) refuse(`there is no ${one}`);
  }

  #rendered(display: Display) {
    this.#needs("image");
    return { planes: [new TextEncoder().encode(JSON.stringify([this.image, display]))], colours: undefined };
  }

  #use(fineTuned: boolean) {
    if (fineTuned) this.#needs("decoder");
    this.fineTuned = fineTuned;
    this.answered = [];
  }

  #adopt(decoder: string) {
    this.decoder = decoder;
    this.#use(true);
    return { base: this.model ?? "", before: null, after: null, steps: 1 };
  }

  #begin(trainer: Trainer): TrainingInfo {
    this.trainer = trainer;
    const { settings, step, losses, evaluations } = trainer;
    return { settings, step, losses: [...losses], evaluations: [...evaluations], training_objects: 2, held_out_objects: 1 };
  }

  readonly #methods: Methods = {
    create: (choice) => {
      if (this.model !== undefined) refuse("create with a model");
      this.#created = true;
      this.#world.choices.push(choice);
      const device = this.#world.device(choice);
      return { device: { device, note: null, gpu: device !== "CPU" }, ranges: { display: PLAIN_DISPLAY } as SettingRanges };
    },
    checkDevice: (choosesTiles) => {
      this.#world.choosesTiles.push(choosesTiles);
      return this.#world.check;
    },
    takeCheck: () => {
      if (!this.#world.takesChecks) throw new Error("takeCheck");
    },
    measureDevice: () => {
      this.#needs("model");
      return this.#world.speed ?? refuse("measureDevice");
    },
    loadModel: async (file) => {
      const name = await file.text();
      if (name.startsWith("bad")) throw new Error(`${name} is no model.`);
      return this.#put(name);
    },
    isInstanceDecoder: async (file) => (await file.text()).startsWith("instances"),
    openInstanceDecoder: async (file) => {
      this.#needs("model");
      this.instances = typeof file === "string" ? file : await file.text();
      if (this.instances.includes("another")) {
        this.instances = undefined;
        throw new Error("The decoder of instances is for another model.");
      }
      return this.#modelInfo();
    },
    openImage: async (file, page, channels = "own") => {
      const name = await file.text();
      if (name.startsWith("bad")) throw new Error(`${name} is no image.`);
      const { pages, channels: names } = this.#world;
      const one = typeof channels === "object" && "one" in channels ? channels.one : 0;
      if (one >= names.length) throw new Error(`There is no channel ${one + 1}.`);
      const info = this.#open(placeOf({ name, page }), channels);
      return { ...info, low: info.low + one, page, pages, channels: names };
    },
    openSample: () => this.#open("sample"),
    render: (display) => this.#rendered(display),
    renderPart: (display) => this.#rendered(display),
    encode: async (display, part) => {
      this.#needs("model", "image");
      const key = JSON.stringify([this.model, this.image, display]);
      if (part && this.embedding !== key) refuse("a part before its image");
      if (!part) this.#forget();
      if (!(await this.#works())) return false;
      if (part) this.parts.add(JSON.stringify(part));
      else this.embedding = key;
      return true;
    },
    missingPart: (side, { x0, y0 }) => {
      this.#needs("embedding");
      return this.#missing([{ prompt: { kind: "point", x: x0, y: y0, positive: true }, candidate: null, side }]);
    },
    encodeAhead: async () => {
      this.#needs("model");
      return this.#works();
    },
    thumbnail: ({ name }: ImageSource, channels) => {
      if (name.startsWith("bad")) throw new Error(`${name} is no image.`);
      return new Blob([channels === "own" ? name : name + JSON.stringify(channels)]);
    },
    warmUp: async () => {
      this.#needs("model");
      if (this.image) refuse("a warm-up with an image");
      await this.#works();
    },
    predict: (rounds) => {
      this.#needs("embedding");
      const reply = rounds.length > 0 ? this.#reply(rounds) : undefined;
      if (!reply?.needs) this.answered = rounds;
      return reply;
    },
    memory: () => 1,
    preview: ({ x, y }, side) => {
      this.#needs("embedding");
      return this.#reply([{ prompt: { kind: "point", x, y, positive: true }, candidate: null, side }]);
    },
    untouchedMask: () => {
      this.#needs("embedding");
      if (this.answered.length === 0) refuse("the untouched mask of nothing");
      return this.#reply(this.answered, false);
    },
    suitedSide: () => 0,
    beginAutomaticMasks: () => {
      this.#needs("embedding");
      this.#search = 0;
      this.#byInstances = false;
    },
    beginInstances: () => {
      this.#needs("embedding");
      if (!this.instances) refuse("there is no decoder of instances");
      this.#search = 0;
      this.#byInstances = true;
    },
    advanceAutomaticMasks: () => {
      if (this.#search === undefined) refuse("there is no search");
      this.#search += 1;
      return { fraction: this.#search / 3, found: this.#search, finished: this.#search === 3 };
    },
    dropAutomaticMasks: () => {
      this.#search = undefined;
    },
    finishAutomaticMasks: () => {
      if (this.#search !== 3) refuse("the search is not finished");
      this.#search = undefined;
      if (this.#byInstances) return { runs: Uint32Array.of(WIDTH * 3, 1, WIDTH * (HEIGHT - 3), 0), objects: [] };
      const block = [WIDTH * (HEIGHT - 2), 0, WIDTH * 2, 7];
      return { runs: Uint32Array.from(block), objects: [{ id: 7, iou: 0.9, stability: 0.9, area: WIDTH * 2 }] };
    },
    beginLearning: (_display, runs, rejected) => {
      this.#needs("embedding");
      this.finder.learn(this.model ?? "", runs, rejected);
    },
    beginFinding: ({ name }, _display, runs) => {
      this.#needs("model");
      if (!this.finder.learned) refuse("nothing was learned");
      if (name.startsWith("bad")) throw new Error(`${name} is no image.`);
      this.#world.found.push(name);
      this.finder.find(runs);
    },
    advanceFinding: () => {
      if (!this.finder.busy) refuse("nothing is searched");
      return this.finder.advance();
    },
    dropFinding: () => this.finder.drop(),
    finishFinding: () => this.finder.finish(),
    finderFile: () => {
      if (!this.finder.learned) refuse("nothing was learned");
      return new Blob([JSON.stringify(this.finder.learned)]);
    },
    openFinder: async (file) => {
      this.#needs("model");
      const learned = JSON.parse(await file.text());
      if (learned.model !== this.model) throw new Error(`It was learned on another model, ${learned.model}; open that one.`);
      this.finder.learned = learned;
      return { objects: learned.objects };
    },
    baseSha256: () => {
      this.#needs("model");
      return `sha of ${this.model}`;
    },
    openDecoder: async (file) => {
      this.#needs("model");
      return this.#adopt(await file.text());
    },
    useFineTuned: (on) => this.#use(on),
    beginLabelled: ({ name }) => {
      this.#needs("model");
      if (this.#world.tiny.has(name)) throw new Error("No labelled object has 20 pixels or more: label larger ones.");
      this.#labelling = { name, left: 2 };
      return 2;
    },
    encodeLabelled: async () => {
      const labelling = this.#labelling;
      if (!labelling?.left) refuse("no part of a labelled image is left");
      const finished = await this.#works();
      if (finished) labelling.left -= 1;
      return finished;
    },
    addLabelled: () => {
      if (this.#labelling?.left !== 0) refuse("a labelled image is not encoded");
      this.labelled.push(this.#labelling.name);
      this.#labelling = undefined;
    },
    clearLabelled: () => this.#clear(),
    startTraining: (settings, heldOut) => {
      this.#needs("model");
      this.#world.heldOut = heldOut.map((place) => this.labelled[place]);
      if (this.labelled.length === 0) refuse("a training on nothing");
      const images = this.labelled.splice(0);
      return this.#begin({ settings, images, step: 0, losses: [], evaluations: [] });
    },
    resumeTraining: () => {
      this.#needs("model");
      const { checkpoint } = this.#world;
      if (!checkpoint || checkpoint.model !== this.model) refuse("there is no checkpoint of this model");
      if (this.labelled.length !== checkpoint.images.length) refuse("a training on other images");
      const { settings, step, losses, evaluations } = checkpoint;
      return this.#begin({ settings, step, images: this.labelled.splice(0), losses: [...losses], evaluations: [...evaluations] });
    },
    train: async () => {
      await this.#world.trains;
      return this.#train();
    },
    adoptBest: () => {
      this.#needs("trainer");
      const step = this.trainer?.step ?? 0;
      return step > 0 ? this.#adopt(`decoder of step ${step}`) : undefined;
    },
    storeCheckpoint: (about) => {
      this.#needs("trainer");
      const { losses = [], evaluations = [], step } = this.trainer ?? {};
      if (about.step !== step) refuse("a checkpoint of another step");
      const stored = { ...about, base: `sha of ${this.model}` };
      this.#world.checkpoint = { ...stored, losses: [...losses], evaluations: [...evaluations] };
      return stored;
    },
    storedTraining: () => {
      if (!this.#world.checkpoint) return undefined;
      const { losses: _losses, evaluations: _evaluations, ...stored } = this.#world.checkpoint;
      return stored;
    },
    removeCheckpoint: () => {
      this.#world.checkpoint = undefined;
    },
    // Its label images are texts.
    beginProjectLabels: () => {
      this.#labelFiles = [];
    },
    addProjectLabels: (name, runs, width, height) => {
      if (!this.#labelFiles) refuse("label files were not begun");
      this.#labelFiles.push(name);
      if (runs.some((value, i) => i % 2 === 1 && value > 65535)) return undefined;
      return new TextEncoder().encode(JSON.stringify([width, height, ...runs]));
    },
    finishProjectLabels: () => {
      if (!this.#labelFiles) refuse("label files were not begun");
      return new Blob([JSON.stringify(this.#labelFiles)]);
    },
    readProjectLabels: async (file, width, height) => {
      const [w, h, ...runs] = JSON.parse(await file.text()) as number[];
      if (w !== width || h !== height) throw new Error(`It is ${w} × ${h} pixels but its image is ${width} × ${height}.`);
      return Uint32Array.from(runs);
    },
    decoderFile: () => {
      this.#needs("decoder");
      return new Blob([this.decoder ?? ""]);
    },
  };

  /** An evaluation where one is due, else a step, else nothing. */
  #train(): TrainingReport {
    const { trainer } = this;
    if (!trainer) refuse("there is no training");
    const { settings, losses, evaluations } = trainer;
    const { steps, evaluate_every } = settings;
    const evaluated = () => evaluations.at(-1)?.step === trainer.step;
    const ended = () => trainer.step === steps && evaluated();
    const report: TrainingReport = { step: trainer.step, steps, evaluated: null, evaluation: null, finished: ended() };
    if (report.finished) return report;
    if (!evaluated() && (trainer.step % evaluate_every === 0 || trainer.step === steps)) {
      report.evaluation = { step: trainer.step, objects: 1, point_iou: 0.5, box_iou: 0.5 };
      evaluations.push(report.evaluation);
    } else {
      report.step = trainer.step += 1;
      report.loss = 1;
      losses.push(1);
    }
    report.finished = ended();
    return report;
  }
}
