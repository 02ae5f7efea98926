// What the engine does while the person looks: thumbnails of the project's images, and the next image's embedding.

import { signal } from "../vendor/signals-core.js";
import { whenChanged } from "../document/watch.js";
import type { Draft } from "../document/draft.js";
import type { Project, ProjectImage } from "../document/project.js";
import { CrashError, type Engine, type Running } from "../engine/client.js";
import type { Display } from "../engine/graysam.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

/** Milliseconds without a prompt after which the next image is encoded: an encode cannot be broken off at once. */
const QUIET = 1500;

export class ThumbnailJob implements Job {
  /** Images that could not be read. */
  readonly unreadable = signal<ReadonlySet<string>>(new Set());

  #project;
  #image;

  constructor(project: Project, image: ImageJob) {
    this.#project = project;
    this.#image = image;
  }

  next(engine: Engine): Step | undefined {
    if (this.#image.adjustment.value) return;
    const unreadable = this.unreadable.value;
    const image = this.#project.images.value.find(({ id, thumbnail }) => !thumbnail && !unreadable.has(id));
    if (image) return () => this.#make(engine, image);
  }

  async #make(engine: Engine, image: ProjectImage) {
    try {
      this.#project.setThumbnail(image, await engine.request("thumbnail", [image.source]));
    } catch (error) {
      this.unreadable.value = new Set([...this.unreadable.peek(), image.id]);
      throw error;
    }
  }
}

export class AheadJob implements Job {
  #project;
  #image;
  #model;
  #thumbnails;
  /** Encodes that were done or failed. */
  #encoded = signal<ReadonlySet<string>>(new Set());
  #encode: Running<boolean> | undefined;
  /** The person has done nothing for a while. */
  #quiet = signal(true);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(project: Project, draft: Draft, model: ModelJob, image: ImageJob, thumbnails: ThumbnailJob) {
    this.#project = project;
    this.#image = image;
    this.#model = model;
    this.#thumbnails = thumbnails;
    whenChanged([draft.rounds, image.requested, model.requested], () => this.#interrupt());
  }

  next(engine: Engine): Step | undefined {
    if (this.#image.adjustment.value || !this.#quiet.value) return;
    const model = this.#model.name.value;
    const image = this.#project.beside(1);
    if (!model || !image || this.#thumbnails.unreadable.value.has(image.id)) return;
    const display = image.display ?? this.#usual;
    if (!display) return;
    const key = JSON.stringify([model, image.id, display]);
    if (!this.#encoded.value.has(key)) return () => this.#run(engine, image, display, key);
  }

  /** The display in which an image is opened for the first time. */
  get #usual(): Display | undefined {
    const display = this.#project.display.value;
    return display && { ...display, window: display.window === "range" ? "percentile" : display.window };
  }

  #interrupt() {
    clearTimeout(this.#timer);
    this.#quiet.value = false;
    this.#timer = setTimeout(() => (this.#quiet.value = true), QUIET);
    this.#encode?.cancel();
  }

  async #run(engine: Engine, { source }: ProjectImage, display: Display, key: string) {
    this.#encode = engine.start("encodeAhead", [source, display]);
    try {
      if (await this.#encode.done) this.#remember(key);
    } catch (error) {
      this.#remember(key);
      if (error instanceof CrashError) throw error;
      // What is wrong with the image is told when it is opened.
    } finally {
      this.#encode = undefined;
    }
  }

  #remember(key: string) {
    this.#encoded.value = new Set([...this.#encoded.peek(), key]);
  }
}
