// The jobs in order of their priority, and what state they are in together.

import { batch, computed, effect, untracked } from "../vendor/signals-core.js";
import type { Draft } from "../document/draft.js";
import type { Notice, Notices } from "../document/notices.js";
import type { Project } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import type { ImageSource, ModelSource } from "../document/types.js";
import { CrashError, type Engine, EngineClient } from "../engine/client.js";
import type { DeviceChoice, SettingRanges } from "../engine/graysam.js";
import type { WorkerMethod, WorkerMethods } from "../engine/methods.js";
import { Activity } from "./activity.js";
import { AutomaticMasksJob, type FoundObjects } from "./automatic_masks_job.js";
import { AheadJob, PartsAheadJob, ThumbnailJob } from "./background_jobs.js";
import { CompareJob } from "./compare_job.js";
import { DecoderJob } from "./decoder_job.js";
import { FindingJob } from "./finding_job.js";
import { GpuSpeed } from "./gpu_speed.js";
import { ImageJob } from "./image_job.js";
import type { Job } from "./job.js";
import { MaskJob } from "./mask_job.js";
import { ModelJob } from "./model_job.js";
import { Parts } from "./parts.js";
import { PreviewJob } from "./preview_job.js";
import { Scheduler } from "./scheduler.js";
import { TrainingJob } from "./training_job.js";
import { WarmUpJob } from "./warm_up_job.js";

export type State = "loading" | "ready" | "encoding" | "encoded" | "predicting" | "masked" | "stopped";

export interface SessionOptions {
  device: DeviceChoice;
  /** Takes what a search for all objects found. */
  found(found: FoundObjects): void;
  /** Another engine than the browser's worker, for tests. */
  makeEngine?(onCrash: (crash: CrashError) => void): Engine;
}

export class Session {
  readonly activity = new Activity();
  readonly model;
  readonly image;
  readonly parts;
  readonly decoder;
  readonly mask;
  readonly compare;
  readonly automaticMasks;
  readonly finding;
  readonly training;
  readonly preview;
  readonly thumbnails;
  readonly scheduler;
  readonly gpuSpeed;

  #draft;
  #notices;

  /** An encode was cancelled and waits to be asked for again. */
  readonly encodePaused = computed(() => this.image.encodePaused.value || this.parts.paused.value);
  readonly state = computed<State>(() => {
    const { model, image, mask, decoder } = this;
    if (this.scheduler.stopped.value) return "stopped";
    if (model.requested.value || image.requested.value) return "loading";
    if (!model.loaded.value) return model.failed.value && !this.scheduler.busy.value ? "stopped" : "loading";
    if (!image.source.value) return "ready";
    if (!image.open.value) return "loading";
    if (image.encoding.value || this.parts.awaited.value) return "encoding";
    if (!image.encoded.value) return image.encodeWanted.value ? "encoding" : "ready";
    if (this.#draft.rounds.value.length === 0) return "encoded";
    if (this.encodePaused.value) return "ready";
    return mask.answered.value && !decoder.switching.value ? "masked" : "predicting";
  });
  /** The model, an image and its embedding are there, so all objects can be searched for. */
  readonly searchable = computed(() => this.image.open.value && this.model.loaded.value && this.image.encoded.value);

  constructor(project: Project, draft: Draft, sight: Sight, notices: Notices, { device, found, makeEngine }: SessionOptions) {
    this.#draft = draft;
    this.#notices = notices;
    this.model = new ModelJob(this.activity, notices, {
      leaving: (engine, name) => this.training.leaveModel(engine, name),
      changed: (before) => jobs.forEach((job) => job.modelChanged?.(before)),
    });
    this.image = new ImageJob(project, draft, this.model, this.activity, () => this.ranges.display);
    this.parts = new Parts(draft, this.model, this.image, this.activity);
    this.decoder = new DecoderJob(this.model);
    this.mask = new MaskJob(draft, this.image, this.decoder, this.parts);
    this.compare = new CompareJob(draft, this.image, this.decoder, this.mask, this.parts);
    this.automaticMasks = new AutomaticMasksJob(project, sight, this.model, this.image, notices, found);
    this.finding = new FindingJob(
      project,
      this.model,
      this.image,
      notices,
      () => this.ranges.display,
      () => this.scheduler.advanced(),
    );
    this.training = new TrainingJob(project, this.model, this.image, this.decoder, notices, () => this.scheduler.advanced());
    this.gpuSpeed = new GpuSpeed(
      async () => await this.request("measureDevice", []).done,
      () => this.scheduler.gpuCheck?.check.note,
      notices,
    );
    this.preview = new PreviewJob(draft, sight, this.image, this.mask);
    const warmUp = new WarmUpJob(this.model, this.image);
    this.thumbnails = new ThumbnailJob(project, this.image);
    const partsAhead = new PartsAheadJob(draft, sight, this.image, this.parts);
    const ahead = new AheadJob(project, draft, this.model, this.image, this.thumbnails);
    const jobs: Job[] = [
      this.model,
      this.decoder,
      this.image,
      this.mask,
      this.compare,
      this.automaticMasks,
      this.finding,
      this.training,
      this.preview,
      warmUp,
      this.thumbnails,
      this.finding.elsewhere,
      partsAhead,
      ahead,
    ];
    const make = makeEngine ?? ((onCrash: (crash: CrashError) => void) => new EngineClient(onCrash));
    this.scheduler = new Scheduler(jobs, device, this.activity, notices, make);
    effect(() => {
      const gpu = this.scheduler.device.value?.gpu ?? false;
      this.preview.gpu.value = gpu;
      warmUp.gpu.value = gpu;
    });
    effect(() => {
      const answered = this.state.value === "masked";
      untracked(() => (draft.answered.value = answered));
    });
  }

  /** Starts the engine and fetches the default model. */
  start() {
    void this.model.fetchDefault();
    this.scheduler.start();
  }

  /** @returns whether it is open then */
  async openImage(source: ImageSource): Promise<boolean> {
    if (source.kind === "file" && source.missing) {
      this.#notices.tell(`The file of ${source.name} is not stored in this browser; open ${source.name} again to go on with it.`);
      return false;
    }
    return batch(() => {
      this.scheduler.restart();
      return this.image.openImage(source);
    });
  }

  openModel(source: ModelSource) {
    batch(() => {
      this.scheduler.restart();
      this.model.open(source);
    });
  }

  /** Defaults and ranges of the settings. @throws before the first engine has started */
  get ranges(): SettingRanges {
    const ranges = this.scheduler.ranges.value;
    if (!ranges) throw new Error("The engine has not started yet.");
    return ranges;
  }

  /** Breaks off the encode that is waited for. */
  cancelEncode() {
    if (this.parts.awaited.peek()) this.parts.cancel();
    else this.image.cancelEncode();
  }

  /** The person breaks off what runs. */
  brokenOff(end: () => void) {
    end();
    this.scheduler.engine?.hurry();
  }

  encodeAgain() {
    this.image.encodeAgain();
    this.parts.resume();
  }

  /** For requests that belong to no job. */
  request<M extends WorkerMethod>(method: M, args: Parameters<WorkerMethods[M]>, progress?: (fraction: number) => void) {
    const { engine } = this.scheduler;
    if (!engine) throw new Error("The engine does not run; reload the page.");
    return engine.start(method, args, progress);
  }

  /** Tells what went wrong with a request. The scheduler tells of crashes itself. */
  fail(error: unknown, link?: Notice["link"]) {
    if (!(error instanceof CrashError)) this.#notices.fail(error, link);
  }
}
