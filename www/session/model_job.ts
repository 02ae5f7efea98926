// Which model the engine has.

import { batch, computed, signal } from "../vendor/signals-core.js";
import type { Notices } from "../document/notices.js";
import type { ModelSource } from "../document/types.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { ModelInfo } from "../engine/graysam.js";
import type { Activity } from "./activity.js";
import { fetchDefaultModel } from "./default_model.js";
import type { Job, Step } from "./job.js";

export interface ModelEvents {
  /** Before another model is loaded, which drops a training. @param name of the model before */
  leaving(engine: Engine, name: string | undefined): Promise<void>;
  changed(before: string | undefined): void;
}

export class ModelJob implements Job {
  /** The model that is loaded, or was before the engine was lost. */
  readonly info = signal<ModelInfo | undefined>(undefined);
  readonly source = signal<ModelSource>({ kind: "default" });
  readonly loaded = signal(false);
  /** It could not be loaded, and waits to be asked for again. */
  readonly failed = signal(false);
  /** A model that the person asked for and does not have yet. */
  readonly requested = signal<ModelSource | undefined>(undefined);
  /** Counts the loaded models: what was made with another one is void. */
  readonly generation = signal(0);
  /** The loaded model's name; undefined while none is loaded. */
  readonly name = computed(() => (this.loaded.value ? this.info.value?.name : undefined));

  #default = signal<Blob | undefined>(undefined);
  #activity;
  #notices;
  #events;

  constructor(activity: Activity, notices: Notices, events: ModelEvents) {
    this.#activity = activity;
    this.#notices = notices;
    this.#events = events;
  }

  open(source: ModelSource) {
    this.requested.value = source;
  }

  /** Fetches the model that comes with the page. */
  async fetchDefault() {
    const report = this.#activity.reports("Downloading MobileSAM");
    try {
      this.failed.value = false;
      this.#default.value ??= await fetchDefaultModel((fraction) => {
        if (!this.loaded.peek()) report(fraction);
      });
    } catch (error) {
      this.failed.value = !this.loaded.peek() && this.source.peek().kind === "default";
      this.#notices.fail(error);
    }
    this.#activity.progress.value = undefined;
  }

  next(engine: Engine): Step | undefined {
    const requested = this.requested.value;
    if (requested) return () => this.#change(engine, requested);
    const source = this.source.value;
    const here = source.kind !== "default" || this.#default.value !== undefined;
    if (!this.loaded.value && !this.failed.value && here) return () => this.#restore(engine, source);
  }

  engineLost(retried: boolean) {
    batch(() => {
      this.loaded.value = false;
      this.failed.value = false;
      // Anything but a lost GPU would only come back.
      if (this.#changing && !retried) this.requested.value = undefined;
      this.#changing = false;
    });
    return "";
  }

  /** The person's request is being fulfilled. */
  #changing = false;

  async #change(engine: Engine, source: ModelSource) {
    const before = this.info.peek()?.name;
    this.#changing = true;
    try {
      await this.#events.leaving(engine, before);
      if (await this.#load(engine, source)) this.#events.changed(before);
    } catch (error) {
      if (error instanceof CrashError) throw error;
      this.#end(source);
      throw error;
    }
    this.#end(source);
  }

  #end(source: ModelSource) {
    this.#changing = false;
    // In the meantime another one may have been asked for.
    if (this.requested.peek() === source) this.requested.value = undefined;
  }

  async #restore(engine: Engine, source: ModelSource) {
    try {
      await this.#load(engine, source);
    } catch (error) {
      if (!(error instanceof CrashError)) this.failed.value = true;
      throw error;
    }
  }

  /** @returns whether it was loaded; else its file could not be fetched */
  async #load(engine: Engine, source: ModelSource) {
    const progress = this.#activity.reports("Loading the model");
    this.#activity.label.value = "Loading the model…";
    let info: ModelInfo;
    if (source.kind === "stored" && !source.file) {
      info = await engine.request("loadStored", [source.entry.sha256], progress);
    } else {
      if (source.kind === "default" && !this.#default.peek()) await this.fetchDefault();
      const file = source.kind === "default" ? this.#default.peek() : source.file;
      if (!file) return false;
      info = await engine.request("loadModel", [file], progress);
    }
    batch(() => {
      this.info.value = info;
      this.source.value = source;
      this.loaded.value = true;
      this.failed.value = false;
      this.generation.value += 1;
    });
    return true;
  }
}
