// What the engine does while the person looks: thumbnails of the project's images, the parts of a large image in which
// they may click next, and the next image's embedding.

import { computed, signal } from "../vendor/signals-core.js";
import { channelsBeside, channelsOf, inChannels, sameChannels } from "../document/channels.js";
import { pixelsKey } from "../document/display.js";
import { whenChanged } from "../document/watch.js";
import type { Draft } from "../document/draft.js";
import type { PixelBox } from "../document/geometry.js";
import type { Project, ProjectImage } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import type { StoredPicture } from "../document/types.js";
import { CrashError, type Engine, type Running } from "../engine/client.js";
import type { Display, ImageInfo, Part } from "../engine/graysam.js";
import { type ImageJob, unreadableSentence } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";
import type { Parts } from "./parts.js";

/** Milliseconds without a prompt after which something is encoded ahead: an encode cannot be broken off at once. */
const QUIET = 1500;

/** The display in which an image is opened for the first time. @param info of the open image */
export function usualDisplay(project: Project, info: ImageInfo | undefined): Display | undefined {
  const display = project.display.value;
  return display && info && inChannels(display, channelsBeside(display, info));
}

/** Whether nothing has happened for a while. */
class Quiet {
  readonly value = signal(true);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Something has happened. */
  end() {
    clearTimeout(this.#timer);
    this.value.value = false;
    this.#timer = setTimeout(() => (this.value.value = true), QUIET);
  }
}

/** A folder may have many of them, one found after the other. */
function unreadablesSentence(count: number, name: string, reason: string) {
  if (count === 1) return unreadableSentence(name, reason);
  return `The image ${name} and ${count - 1} more cannot be opened: the list says why.`;
}

export class ThumbnailJob implements Job {
  /** Why images could not be read, as sentences by the images' ids. */
  readonly unreadable = signal<ReadonlyMap<string, string>>(new Map());

  #project;
  #image;

  constructor(project: Project, image: ImageJob) {
    this.#project = project;
    this.#image = image;
  }

  next(engine: Engine): Step | undefined {
    if (this.#image.adjustment.value) return;
    const unreadable = this.unreadable.value;
    const image = this.#project.images.value.find(
      ({ id, thumbnail, source }) => !thumbnail && !unreadable.has(id) && !(source.kind === "file" && source.missing),
    );
    if (image) return () => this.#make(engine, image);
  }

  /** Reads the thumbnail that an image had in an earlier visit. One that cannot be read is made anew. */
  async read(image: ProjectImage, stored: StoredPicture): Promise<Blob | undefined> {
    const picture = await stored.getFile().catch(() => undefined);
    if (picture?.size) return picture;
    if (image.thumbnail === stored) this.#project.setThumbnail(image, undefined);
    return undefined;
  }

  async #make(engine: Engine, image: ProjectImage) {
    try {
      const channels = channelsOf(image.display);
      const thumbnail = await engine.request("thumbnail", [image.source, channels]);
      // In other channels it is made again.
      if (sameChannels(channels, channelsOf(image.display))) this.#project.setThumbnail(image, thumbnail);
    } catch (error) {
      const crashed = error instanceof CrashError;
      const reason = crashed ? `The engine crashed at it (${error.message}).` : error instanceof Error ? error.message : String(error);
      const unreadable = new Map(this.unreadable.peek()).set(image.id, reason);
      this.unreadable.value = unreadable;
      throw crashed ? error : new Error(unreadablesSentence(unreadable.size, image.name, reason));
    }
  }
}

/** Encodes the parts in which clicks on what is in view would be answered. */
export class PartsAheadJob implements Job {
  #sight;
  #image;
  #parts;
  #quiet = new Quiet();
  /** What was in view when no part was missing any more, or one could not be encoded. */
  #done = signal("");
  #view;

  constructor(draft: Draft, sight: Sight, image: ImageJob, parts: Parts) {
    this.#sight = sight;
    this.#image = image;
    this.#parts = parts;
    this.#view = computed(() => JSON.stringify([image.generation.value, sight.side.value, sight.box.value]));
    whenChanged([draft.rounds, sight.box, sight.side, image.requested], () => {
      this.#quiet.end();
      parts.interrupt();
    });
  }

  next(engine: Engine): Step | undefined {
    const { side, box } = this.#sight;
    const possible = this.#image.encoded.value && !this.#image.adjustment.value && !this.#parts.paused.value;
    if (!possible || !this.#quiet.value.value) return;
    const seen = box.value;
    if (side.value === 0 || !seen || this.#done.value === this.#view.value) return;
    return () => this.#run(engine, side.value, seen);
  }

  engineLost() {
    this.#parts.lost();
    return "";
  }

  async #run(engine: Engine, side: number, box: PixelBox) {
    const view = this.#view.peek();
    const missing = await engine.request("missingPart", [side, box]);
    if (!this.#quiet.value.peek()) return;
    if (missing && (await this.#tryEncode(engine, missing))) return;
    this.#done.value = view;
  }

  /** @returns false: it cannot be encoded */
  async #tryEncode(engine: Engine, part: Part) {
    try {
      await this.#parts.encode(engine, part, false);
      return true;
    } catch (error) {
      if (error instanceof CrashError) throw error;
      // What is wrong is told when the part is asked for.
      return false;
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
  #quiet = new Quiet();

  constructor(project: Project, draft: Draft, model: ModelJob, image: ImageJob, thumbnails: ThumbnailJob) {
    this.#project = project;
    this.#image = image;
    this.#model = model;
    this.#thumbnails = thumbnails;
    whenChanged([draft.rounds, image.requested, model.requested], () => this.#interrupt());
  }

  next(engine: Engine): Step | undefined {
    if (this.#image.adjustment.value || !this.#quiet.value.value) return;
    const model = this.#model.name.value;
    const image = this.#project.beside(1);
    if (!model || !image || this.#thumbnails.unreadable.value.has(image.id)) return;
    const display = image.display ?? usualDisplay(this.#project, this.#image.info.value);
    if (!display) return;
    const key = JSON.stringify([model, image.id, pixelsKey(display)]);
    if (!this.#encoded.value.has(key)) return () => this.#run(engine, image, display, key);
  }

  #interrupt() {
    this.#quiet.end();
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
