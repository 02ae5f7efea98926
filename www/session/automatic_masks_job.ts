// The search for all objects of the open image, a piece of work at a time, so that clicks are answered in between.

import { batch, effect, signal, untracked } from "../vendor/signals-core.js";
import { pixelsKey } from "../document/display.js";
import type { Notices } from "../document/notices.js";
import type { Project } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { AutomaticMaskProgress, AutomaticMaskSettings, Display, FoundObject, InstanceSettings, Method } from "../engine/graysam.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

/** At points of a grid, or by the model's decoder of instances. */
export type Way = { method: "grid"; settings: AutomaticMaskSettings } | { method: Method; settings: InstanceSettings };

export interface FoundObjects {
  method: Way["method"];
  /** The object map as runs, with numbers of its own. */
  runs: Uint32Array;
  /** Those whose IoU the model predicts. */
  objects: FoundObject[];
}

interface Search {
  way: Way;
  display: Display;
  /** The longer side that is usual of the objects at hand, in pixels; 0: there are none. */
  extent: number;
  /** Of the parts in which the image is looked at; 0: the whole image. */
  side: number;
}

export class AutomaticMasksJob implements Job {
  /** How far the search is; undefined: there is none. */
  readonly progress = signal<AutomaticMaskProgress | undefined>(undefined);

  #project;
  #sight;
  #image;
  #notices;
  #found;
  #search = signal<Search | undefined>(undefined);
  /** The search that the engine has. */
  #begun = signal<Search | undefined>(undefined);

  /** @param found takes what a search found */
  constructor(project: Project, sight: Sight, model: ModelJob, image: ImageJob, notices: Notices, found: (found: FoundObjects) => void) {
    this.#project = project;
    this.#sight = sight;
    this.#image = image;
    this.#notices = notices;
    this.#found = found;
    effect(() => {
      const search = this.#search.value;
      const display = image.display.value;
      if (!search) return;
      // What it finds would be of the image, the model or the display before.
      if (image.requested.value) untracked(() => this.#interrupt("another image was opened"));
      else if (model.requested.value) untracked(() => this.#interrupt("another model was opened"));
      else if ((display && pixelsKey(display)) !== pixelsKey(search.display)) untracked(() => this.#interrupt("the display was changed"));
    });
  }

  start(way: Way) {
    const display = this.#image.display.peek();
    if (!display) return;
    batch(() => {
      const extent = this.#project.current.peek()?.labels.usualExtent ?? 0;
      this.#search.value = { way, display, extent, side: this.#sight.side.peek() };
      this.progress.value = { fraction: 0, found: 0, finished: false };
    });
  }

  /** Ends the search without a result. @returns whether there was one */
  cancel() {
    const ran = this.#search.peek() !== undefined;
    batch(() => {
      this.#search.value = undefined;
      this.progress.value = undefined;
    });
    return ran;
  }

  next(engine: Engine): Step | undefined {
    const search = this.#search.value;
    // A cancelled one holds tiles and masks of the whole image.
    if (!search && this.#begun.value) return () => this.#drop(engine);
    const idle = this.#image.encoded.value && this.#image.adjustment.value === undefined;
    if (!search || !idle) return;
    if (this.#begun.value !== search) return () => this.#try(search, () => this.#begin(engine, search));
    if (this.progress.value?.finished) return () => this.#try(search, () => this.#finish(engine, search));
    return () => this.#try(search, () => this.#advance(engine, search));
  }

  engineLost() {
    this.#begun.value = undefined;
    return this.cancel() ? "; the search for objects has to be begun again" : "";
  }

  #interrupt(what: string) {
    if (this.cancel()) this.#notices.tell(`The search for objects was ended, because ${what}; begin it again.`);
  }

  /** An error ends the search; a crash does too, and is told of with the engine's loss. */
  async #try(search: Search, work: () => Promise<void>) {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CrashError) && this.#search.peek() === search) this.cancel();
      throw error;
    }
  }

  async #begin(engine: Engine, search: Search) {
    const { extent, side, display, way } = search;
    const suited = extent > 0 ? await engine.request("suitedSide", [extent]) : side;
    if (way.method === "grid") await engine.request("beginAutomaticMasks", [display, way.settings, suited]);
    else await engine.request("beginInstances", [display, way.method, way.settings, suited]);
    this.#begun.value = search;
  }

  async #drop(engine: Engine) {
    this.#begun.value = undefined;
    await engine.request("dropAutomaticMasks", []);
  }

  async #advance(engine: Engine, search: Search) {
    const progress = await engine.request("advanceAutomaticMasks", []);
    if (this.#search.peek() === search) this.progress.value = progress;
  }

  async #finish(engine: Engine, search: Search) {
    const found = await engine.request("finishAutomaticMasks", []);
    this.#begun.value = undefined;
    if (this.#search.peek() !== search) return;
    this.cancel();
    this.#found({ ...found, method: search.way.method });
  }
}
