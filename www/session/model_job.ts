// Which model the engine has.

import { batch, computed, signal } from "../vendor/signals-core.js";
import { filesOf } from "../document/catalogue.js";
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
    this.#changing = true;
    try {
      if (source.kind === "file" && (await engine.request("isInstanceDecoder", [source.file]))) {
        await this.#openDecoder(engine, source.file, source.decoder);
      } else {
        await this.#replace(engine, source);
      }
    } catch (error) {
      if (error instanceof CrashError) throw error;
      this.#end(source);
      throw error;
    }
    this.#end(source);
  }

  async #replace(engine: Engine, source: ModelSource) {
    const before = this.info.peek()?.name;
    await this.#events.leaving(engine, before);
    if (!(await this.#load(engine, source))) return;
    this.#events.changed(before);
    await this.#openBeside(engine, source);
  }

  /** Opens a decoder of instances beside a model. @param model undefined: the one that is loaded */
  async #openDecoder(engine: Engine, decoder: File, model: Blob | undefined) {
    if (model instanceof File) return this.#replace(engine, { kind: "file", file: model, decoder });
    if (!this.loaded.peek() && !(await this.#load(engine, this.source.peek()))) return;
    this.info.value = await engine.request("openInstanceDecoder", [decoder]);
    this.source.value = { ...this.source.peek(), decoder };
    this.#notices.tell(
      `${decoder.name} is open beside ${this.info.peek()?.name}. What it finds is right only with the model that it was trained with.`,
    );
  }

  #end(source: ModelSource) {
    this.#changing = false;
    // In the meantime another one may have been asked for.
    if (this.requested.peek() === source) this.requested.value = undefined;
  }

  async #restore(engine: Engine, source: ModelSource) {
    try {
      if (await this.#load(engine, source)) await this.#openBeside(engine, source);
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
      const [{ key }] = filesOf(source.entry);
      info = await engine.request("loadStored", [key], progress);
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

  /** Opens the decoder of instances that goes with a loaded model, which is of use without it, too. */
  async #openBeside(engine: Engine, source: ModelSource) {
    const [, stored] = source.kind === "stored" ? filesOf(source.entry) : [];
    const decoder = source.decoder ?? stored?.key;
    if (!decoder) return;
    try {
      this.info.value = await engine.request("openInstanceDecoder", [decoder]);
    } catch (error) {
      if (error instanceof CrashError) throw error;
      const { decoder: _, ...alone } = source;
      this.source.value = alone;
      this.#notices.fail(error);
    }
  }
}
