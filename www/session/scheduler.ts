// Takes the jobs' steps one after another, the first job that has one first, and starts another engine after a crash.
// It knows nothing of what the jobs do.

import { effect, signal, untracked } from "../vendor/signals-core.js";
import type { Notices } from "../document/notices.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { DeviceChoice, DeviceInfo, SettingRanges } from "../engine/graysam.js";
import type { Activity } from "./activity.js";
import { type CheckedGpu, checkedGpu, forgetCheck, isChecked } from "./gpu_check.js";
import { GpuRecord } from "./gpu_record.js";
import type { Job, Step } from "./job.js";

const CRASHES_IN_A_ROW = 3;
/** Losses of WebGPU in a visit after which it is the CPU for the rest: a new driver takes it away once. */
const LOSSES = 2;
/** Milliseconds from when all was there again, after which a crash has nothing to do with the one before. */
const WELL = 10_000;

export class Scheduler {
  readonly device = signal<DeviceInfo | undefined>(undefined);
  /** Defaults and ranges of the settings, once an engine has started. */
  readonly ranges = signal<SettingRanges | undefined>(undefined);
  /** The engine crashed too often, or could not be made; it is started when the person asks for something. */
  readonly stopped = signal(false);
  /** A step is being taken. */
  readonly busy = signal(false);

  /** The GPU, or a part of what it can, is left unused for what it did before. */
  readonly gpuDoubted = signal(false);
  /** What the last check of the GPU found; undefined: none was needed. */
  gpuCheck: CheckedGpu | undefined;
  /** Why the engine crashed in this visit, each time. */
  readonly crashReasons: string[] = [];

  #engine = signal<Engine | undefined>(undefined);
  /** How it died, until that has been seen to. */
  #crash: CrashError | undefined;
  #jobs;
  #preference;
  #activity;
  #notices;
  #makeEngine;
  #gpu = new GpuRecord();
  /** Why the GPU is of no use, once a check of this visit has found that. */
  #useless: string | undefined;
  /** How often WebGPU was lost in this visit. */
  #losses = 0;
  #crashes = 0;
  /** When all was there again after the last crash, by `performance.now`. */
  #restored: number | undefined;

  /**
   * @param jobs from the most urgent one on
   * @param makeEngine makes an engine that calls back when it crashes
   */
  constructor(
    jobs: readonly Job[],
    preference: DeviceChoice,
    activity: Activity,
    notices: Notices,
    makeEngine: (onCrash: (crash: CrashError) => void) => Engine,
  ) {
    this.#jobs = jobs;
    this.#preference = preference;
    this.#activity = activity;
    this.#notices = notices;
    this.#makeEngine = makeEngine;
  }

  /** Begins to take steps, now and whenever there is another one. */
  start() {
    effect(() => {
      if (this.#next()) queueMicrotask(() => void this.#run());
    });
  }

  /** The engine, whether or not it has a step to do. */
  get engine() {
    return this.#engine.value;
  }

  /** A job got further than before, so the engine is well. */
  advanced() {
    this.#crashes = 0;
  }

  /** The person asks for something else: a stopped engine is tried again. */
  restart() {
    if (!this.stopped.peek()) return;
    this.#crashes = 0;
    this.stopped.value = false;
  }

  #next(): Step | undefined {
    if (this.stopped.value) return;
    const engine = this.#engine.value;
    if (!engine) return () => this.#startEngine();
    for (const job of this.#jobs) {
      const step = job.next(engine);
      if (step) return step;
    }
  }

  async #run() {
    if (this.busy.peek()) return;
    this.busy.value = true;
    for (;;) {
      const step = untracked(() => this.#next());
      if (!step) break;
      try {
        await step();
      } catch (error) {
        if (!(error instanceof CrashError)) this.#notices.fail(error);
      }
      // No step need have asked for anything while it died.
      if (this.#crash) this.#recover(this.#crash);
      this.#activity.progress.value = undefined;
    }
    this.#restored ??= performance.now();
    this.busy.value = false;
  }

  async #startEngine() {
    this.#activity.label.value = "Starting the engine…";
    const engine = this.#makeEngine((crash) => {
      this.#crash = crash;
      if (!this.busy.peek()) this.#recover(crash);
    });
    try {
      const warning = this.#useless ?? (this.#preference === "auto" ? this.#gpu.warning : undefined);
      const { device, ranges } = await engine.request("create", [warning === undefined ? this.#preference : "cpu"]);
      this.gpuDoubted.value = warning !== undefined;
      // A check that kills the engine is a loss of this device.
      this.device.value = { ...device, note: warning ?? device.note };
      if (warning === undefined) this.device.value = await this.#trusted(engine, device);
      this.ranges.value = ranges;
      this.#engine.value = engine;
    } catch (error) {
      if (!(error instanceof CrashError)) this.stopped.value = true;
      throw error;
    }
  }

  /** The device that is used: a GPU once it has been found to compute rightly. */
  async #trusted(engine: Engine, device: DeviceInfo): Promise<DeviceInfo> {
    this.gpuCheck = undefined;
    if (!isChecked(device)) return device;
    this.#activity.label.value = "Checking the GPU…";
    this.gpuCheck = await checkedGpu(engine, device);
    const { usable, avoided, note } = this.gpuCheck.check;
    this.gpuDoubted.value = !usable || avoided.length > 0;
    if (usable) return { ...device, note };
    this.#useless = note ?? "";
    const { device: cpu } = await engine.request("create", ["cpu"]);
    return { ...cpu, note };
  }

  /** What is held against the GPU is forgotten, so that the next visit tries all of it. */
  forgiveGpu() {
    this.#gpu.forget();
    forgetCheck();
  }

  /** Notes that WebGPU is gone, if the dead engine was on it and the person did not ask for it. */
  #loseGpu() {
    const device = this.device.peek()?.device ?? "";
    if (this.#preference !== "auto" || !device.startsWith("WebGPU")) return false;
    this.#losses += 1;
    if (this.#losses < LOSSES) return true;
    this.#preference = "cpu";
    this.#gpu.givenUp(device);
    return true;
  }

  /** Has the jobs forget the dead engine; the loop then makes all of it anew in another one. */
  #recover(crash: CrashError) {
    this.#crash = undefined;
    this.crashReasons.push(crash.message);
    const lost = this.#loseGpu();
    // An engine may die as soon as it has nothing to do, each time.
    if (this.#restored !== undefined && performance.now() - this.#restored > WELL) this.#crashes = 0;
    this.#restored = undefined;
    this.#crashes += 1;
    const stopped = this.#crashes > CRASHES_IN_A_ROW;
    const ends = this.#jobs.map((job) => job.engineLost?.(lost) ?? "").join("");
    const reason = `The engine crashed (${crash.message})`;
    if (stopped) {
      const sentence = `${reason} ${this.#crashes} times in a row and was stopped; open another image or a smaller model to start it again.`;
      this.#notices.tell(sentence);
    } else {
      const where = lost && this.#preference === "cpu" ? " on the CPU instead of WebGPU" : "";
      this.#notices.tell(`${reason} and was started again${where}; the model, the image and the prompts are being restored${ends}.`);
    }
    this.stopped.value = stopped;
    this.#engine.value = undefined;
  }
}
