// Which image the engine has open, how the page shows it, and its embedding.

import { batch, computed, effect, signal, untracked } from "../vendor/signals-core.js";
import { channelsOf, sameChannels } from "../document/channels.js";
import { whenChanged } from "../document/watch.js";
import { initialDisplay, pixelsKey, placed } from "../document/display.js";
import type { Draft } from "../document/draft.js";
import { type Project, sameDisplay } from "../document/project.js";
import type { ImagePart, RenderedImage } from "../document/rendering.js";
import type { ImageSource } from "../document/types.js";
import { CrashError, type Engine, type Running } from "../engine/client.js";
import type { ChannelChoice, Display, ImageInfo } from "../engine/graysam.js";
import type { Activity } from "./activity.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

interface Request {
  source: ImageSource;
  settle(opened: boolean): void;
}

/** The display while the person moves a control. */
export interface Adjustment {
  display: Display;
  /** What is visible of a large image, of which only that is rendered. */
  part: ImagePart | undefined;
}

export interface Rendering {
  image: RenderedImage;
  /** Undefined: the whole image. */
  part: ImagePart | undefined;
}

/** Tells of an image that is not the one on screen, so it is named. */
export function unreadableSentence(name: string, reason: unknown) {
  return `The image ${name} cannot be opened: ${reason instanceof Error ? reason.message : reason}`;
}

function sameFile(a: ImageSource, b: ImageSource | undefined) {
  return a.kind === "file" && b?.kind === "file" && a.file === b.file;
}

export class ImageJob implements Job {
  /** What is open, or was before the engine was lost. */
  readonly source = signal<ImageSource | undefined>(undefined);
  readonly info = signal<ImageInfo | undefined>(undefined);
  /** The engine has it. */
  readonly open = signal(false);
  readonly requested = signal<Request | undefined>(undefined);
  readonly adjustment = signal<Adjustment | undefined>(undefined);
  /** The image as it was rendered last. */
  readonly rendering = signal<Rendering | undefined>(undefined);
  /** An encode is running. */
  readonly encoding = signal(false);
  /** False: the person cancelled the encode, or it failed. */
  readonly encodeWanted = signal(true);
  /** Counts the embeddings: what was computed on another one is void. */
  readonly generation = signal(0);
  /** Milliseconds of the last encode, and bytes of the engine's memory after it. */
  readonly encodeTime = signal(0);
  readonly memory = signal(0);

  /** The display that is to be shown. */
  readonly display = computed(() => this.adjustment.value?.display ?? this.#project.display.value);
  /** The engine has the embedding of what is shown, or, while a control moves, of what was shown before. */
  readonly encoded = computed(() => {
    const encodedAs = this.#encodedAs.value;
    return encodedAs !== undefined && (this.adjustment.value !== undefined || encodedAs === this.#encodeKey.value);
  });
  /** The encode was cancelled and waits to be asked for again. */
  readonly encodePaused = computed(
    () => this.open.value && this.#model.loaded.value && !this.encoded.value && !this.encoding.value && !this.encodeWanted.value,
  );

  #project;
  #draft;
  #model;
  #activity;
  #usual;
  /** What was rendered last, see `#renderKey`. */
  #renderedAs = signal<string | undefined>(undefined);
  #encodedAs = signal<string | undefined>(undefined);
  #opening: Request | undefined;
  #encode: Running<boolean> | undefined;
  #encodingAs: string | undefined;
  /** Counts the images that were opened, and what was opened in other channels. */
  #opened = signal(0);
  /** The channels in which it was opened. */
  #channels = signal<ChannelChoice>("own");

  #renderKey = computed(() => {
    const display = this.display.value;
    return display && JSON.stringify([this.#opened.value, pixelsKey(display), this.adjustment.value?.part]);
  });
  #encodeKey = computed(() => {
    const display = this.#project.display.value;
    return display && JSON.stringify([this.#opened.value, this.#model.generation.value, pixelsKey(display)]);
  });

  /** @param usual the engine's default display */
  constructor(project: Project, draft: Draft, model: ModelJob, activity: Activity, usual: () => Display) {
    this.#project = project;
    this.#draft = draft;
    this.#model = model;
    this.#activity = activity;
    this.#usual = usual;
    effect(() => {
      const asked = this.requested.value !== undefined || model.requested.value !== undefined;
      const adjusted = !sameDisplay(this.display.value, project.display.value);
      if (asked || adjusted || this.#encodeKey.value !== this.#encodingAs) this.#encode?.cancel();
    });
    // Whatever is asked for of the image wants its embedding.
    whenChanged([this.#encodeKey, this.requested, model.requested, draft.rounds], () => {
      this.encodeWanted.value = true;
    });
  }

  get name() {
    return this.source.value?.name ?? "";
  }

  /** @returns whether it is open then; false where another one was asked for meanwhile */
  openImage(source: ImageSource): Promise<boolean> {
    return new Promise((settle) => {
      const superseded = this.requested.peek();
      this.requested.value = { source, settle };
      if (superseded && superseded !== this.#opening) superseded.settle(false);
    });
  }

  /** Shows another display while a control moves; undefined: what the document has. */
  adjust(adjustment: Adjustment | undefined) {
    this.adjustment.value = adjustment;
  }

  cancelEncode() {
    this.encodeWanted.value = false;
    this.#encode?.cancel();
  }

  encodeAgain() {
    this.encodeWanted.value = true;
  }

  next(engine: Engine): Step | undefined {
    const requested = this.requested.value;
    if (requested) return () => this.#openRequested(engine, requested);
    const source = this.source.value;
    if (!source) return;
    if (!this.open.value || !sameChannels(this.#wantedChannels, this.#channels.value)) return () => this.#restore(engine, source);
    const renderKey = this.#renderKey.value;
    const display = this.display.value;
    if (!display || !renderKey) return;
    if (renderKey !== this.#renderedAs.value) return () => this.#render(engine, display, renderKey);
    const encodeKey = this.#encodeKey.value;
    const idle = this.adjustment.value === undefined && this.encodeWanted.value;
    if (this.#model.loaded.value && idle && encodeKey && !this.encoded.value) return () => this.#runEncode(engine, display, encodeKey);
  }

  engineLost(retried: boolean) {
    const opening = this.#opening;
    batch(() => {
      this.open.value = false;
      this.encoding.value = false;
      this.#encodedAs.value = undefined;
      const retries = retried && this.requested.peek() === opening;
      if (opening && !retries) this.#settle(opening, false);
    });
    return "";
  }

  #settle(request: Request, opened: boolean) {
    this.#opening = undefined;
    if (this.requested.peek() === request) this.requested.value = undefined;
    request.settle(opened);
  }

  async #openRequested(engine: Engine, request: Request) {
    const { source } = request;
    this.#opening = request;
    try {
      const channels = channelsOf(this.#project.find(source)?.display);
      const info = await this.#request(engine, source, channels);
      batch(() => {
        this.#put(source, info, channels);
        this.#settle(request, true);
      });
    } catch (error) {
      if (!(error instanceof CrashError)) this.#settle(request, false);
      throw error;
    }
  }

  /** Those of the display, or those that are open where there is none. */
  get #wantedChannels() {
    const display = this.#project.display.value;
    return display ? channelsOf(display) : this.#channels.value;
  }

  #put(source: ImageSource, info: ImageInfo, channels: ChannelChoice) {
    const project = this.#project;
    const before = project.current.peek()?.display ?? this.#usual();
    const display = initialDisplay(info, before, this.info.peek(), sameFile(source, this.source.peek()));
    this.source.value = source;
    this.#putPicture(info, channels);
    const image = project.open(source, info.width, info.height, display);
    image.display = placed(image.display, info);
    this.#draft.opened(info.width, info.height);
  }

  #putPicture(info: ImageInfo, channels: ChannelChoice) {
    this.info.value = info;
    this.#channels.value = channels;
    this.open.value = true;
    this.adjustment.value = undefined;
    this.#encodedAs.value = undefined;
    this.#opened.value += 1;
  }

  async #request(engine: Engine, source: ImageSource, channels: ChannelChoice) {
    this.#activity.label.value = `Opening ${source.name}…`;
    try {
      return await (source.kind === "file"
        ? engine.request("openImage", [source.file, source.page ?? 0, channels])
        : engine.request("openSample", []));
    } catch (error) {
      throw error instanceof CrashError ? error : new Error(unreadableSentence(source.name, error));
    }
  }

  /** Opens the image again: after a crash, or in other channels. */
  async #restore(engine: Engine, source: ImageSource) {
    const [before, channels] = untracked(() => [this.#channels.value, this.#wantedChannels]);
    try {
      const info = await this.#request(engine, source, channels);
      batch(() => {
        if (sameChannels(channels, before)) this.open.value = true;
        else this.#putChannels(info, channels);
      });
    } catch (error) {
      if (!(error instanceof CrashError)) this.#refused(before);
      throw error;
    }
  }

  #putChannels(info: ImageInfo, channels: ChannelChoice) {
    this.#putPicture(info, channels);
    const display = this.#project.display.peek();
    if (display && sameChannels(channelsOf(display), channels)) this.#project.setDisplay(placed(display, info));
  }

  /** The image cannot be opened again; what is open in the engine stays. @param channels in which it is open */
  #refused(channels: ChannelChoice) {
    const display = this.#project.display.peek();
    if (this.open.peek() && display) this.#project.setDisplay({ ...display, channels });
    else this.source.value = undefined;
  }

  async #render(engine: Engine, display: Display, key: string) {
    const part = this.adjustment.peek()?.part;
    this.#renderedAs.value = key;
    try {
      const image = part ? await engine.request("renderPart", [display, part]) : await engine.request("render", [display]);
      this.rendering.value = { image, part };
    } catch (error) {
      if (error instanceof CrashError) this.#renderedAs.value = undefined;
      throw error;
    }
  }

  async #runEncode(engine: Engine, display: Display, key: string) {
    const progress = this.#activity.reports("Encoding the image");
    const started = performance.now();
    this.#encodingAs = key;
    this.#encode = engine.start("encode", [display], progress);
    batch(() => {
      this.#encodedAs.value = undefined;
      this.#activity.label.value = "Encoding the image…";
      this.encoding.value = true;
      progress(0);
    });
    try {
      if (!(await this.#encode.done)) return;
      const time = performance.now() - started;
      const memory = await engine.request("memory", []);
      batch(() => {
        this.#encodedAs.value = key;
        this.encodeTime.value = time;
        this.memory.value = memory;
        this.generation.value += 1;
      });
    } catch (error) {
      if (!(error instanceof CrashError)) this.encodeWanted.value = false;
      throw error;
    } finally {
      this.#encode = undefined;
      this.encoding.value = false;
    }
  }
}
