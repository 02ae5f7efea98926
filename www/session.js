// What the person wants (model, image, display, prompts) against what the worker has.
// One loop takes the next missing step until both agree; after a crash it starts over in a new worker.

import { fetchDefaultModel } from "./default_model.js";
import { EditQueue } from "./edits.js";
import { CrashError, EngineClient } from "./engine_client.js";
import { Errands } from "./errands.js";
import { Everything } from "./everything.js";
import { FineTuned } from "./fine_tuned.js";
import { Preview } from "./preview.js";
import { Training } from "./training.js";

const CRASHES_IN_A_ROW = 3;

/**
 * @typedef {object} SessionEvents
 * @property {() => void} changed
 * @property {(sentence: string) => void} failed
 * @property {(progress: Progress | null) => void} progress
 * @property {(info: ImageInfo) => void} imageOpened another image is open; its display may be set here
 * @property {(image: RenderedImage) => void} rendered
 * @property {(image: RenderedImage, part: ImagePart) => void} renderedPart of a large image, until it is rendered as a whole
 * @property {(mask: Uint8Array | null) => void} masked
 * @property {(mask: Uint8Array | null) => void} previewed the mask under the pointer
 * @property {(found: FoundEverything) => void} found all objects of the image
 * @property {(mask: Uint8Array | null) => void} compared the untouched decoder's mask for the same prompts
 */

/** @typedef {({kind: "model", source: ModelSource} | {kind: "image", source: ImageSource}) & {settle: (done: boolean) => void}} Command */
/** @typedef {Pick<import("./errands.js").ErrandEvents, "unseen" | "seen" | "next">} ErrandWishes */

export class Session {
  /** @type {DeviceInfo | undefined} */
  device;
  /** @type {ModelInfo | undefined} */
  model;
  /** @type {ModelSource} */
  modelSource = { kind: "default" };
  /** @type {ImageInfo | undefined} */
  info;
  /** @type {Prediction | undefined} */
  prediction;
  /** Milliseconds of the last encode and of the last answer to a prompt. */
  encodeTime = 0;
  /** Bytes that the engine takes after an encode. */
  memory = 0;
  promptTime = 0;
  /** What runs now, for the status line. */
  activity = "Starting the engine…";
  /** @type {FineTuned} */
  decoder;
  /** @type {Training} */
  training;
  /** @type {Preview} */
  preview;
  /** @type {Everything} */
  everything;

  #errands;
  #events;
  #devicePreference;
  /** @type {EngineClient | undefined} */
  #client;
  /** @type {Blob | undefined} */
  #defaultModel;
  /** @type {ImageSource | undefined} */
  #imageSource;
  /** @type {Display} */
  #display;
  /** The display moves; no encode until it is committed. */
  #adjusting = false;
  /** What is visible of a large image whose display moves. @type {ImagePart | undefined} */
  #part;
  /** Only a part was rendered last. */
  #partRendered = false;
  /** The display that the worker's embedding is of. @type {string | undefined} */
  #encodedAs;
  /** @type {Command[]} */
  #commands = [];
  /** The one that runs. @type {Command | undefined} */
  #command;
  #edits = new EditQueue();
  #modelLoaded = false;
  #modelFailed = false;
  #imageOpen = false;
  #renderStale = false;
  #encodeWanted = true;
  #replayNeeded = false;
  /** @type {import("./engine_client.js").Running<boolean> | undefined} */
  #encode;
  /** The GPU may not have compiled the model's programs yet. */
  #cold = true;
  /** @type {import("./engine_client.js").Running<void> | undefined} */
  #warmUp;
  #crashes = 0;
  #stopped = false;
  #pumping = false;

  /**
   * @param {string} device
   * @param {Display} display
   * @param {() => LabelledImage[]} labelled what there is to train on
   * @param {ErrandWishes} errands
   * @param {SessionEvents} events
   */
  constructor(device, display, labelled, errands, events) {
    this.#devicePreference = device;
    this.#display = display;
    this.#events = events;
    const changed = () => this.#wake();
    this.decoder = new FineTuned({
      changed,
      switched: () => (this.#replayNeeded = this.prediction !== undefined),
      compared: events.compared,
    });
    this.training = new Training(labelled, this.decoder, {
      changed,
      failed: events.failed,
      advanced: () => (this.#crashes = 0),
    });
    this.preview = new Preview({
      changed,
      moved: () => this.state === "encoded" && void this.#pump(),
      previewed: events.previewed,
    });
    this.everything = new Everything({ changed, found: events.found, failed: events.failed });
    this.#errands = new Errands({ ...errands, due: () => void this.#pump() });
  }

  /** Starts the engine and the default model. */
  start() {
    void this.#fetchDefault();
    void this.#pump();
  }

  /** @returns {State} */
  get state() {
    if (this.#stopped) return "stopped";
    if (this.#commands.length > 0) return "loading";
    if (!this.#modelLoaded) return this.#modelFailed && !this.#pumping ? "stopped" : "loading";
    if (!this.#imageSource) return "ready";
    if (!this.#imageOpen) return "loading";
    if (this.#encode) return "encoding";
    if (!this.#encoded) return this.#encodeWanted ? "encoding" : "ready";
    if (this.#replayNeeded || this.#edits.length > 0) return "predicting";
    if (this.prediction && this.decoder.switching) return "predicting";
    return this.prediction ? "masked" : "encoded";
  }

  /** An image is encoded. */
  get everythingPossible() {
    return this.#imageOpen && this.#modelLoaded && this.#encoded;
  }

  get engineRuns() {
    return this.#client !== undefined && !this.#stopped;
  }

  get imageSource() {
    return this.#imageSource;
  }

  get imageName() {
    return this.#imageSource?.name ?? "";
  }

  /** The encode was cancelled and waits to be asked for again. */
  get encodePaused() {
    return this.#imageOpen && this.#modelLoaded && !this.#encoded && !this.#encode && !this.#encodeWanted;
  }

  /** The prompts as the person sees them: the answered ones with the waiting edits on top. */
  get prompts() {
    return this.#edits.appliedTo(this.prediction?.prompts ?? []);
  }

  /** The candidate that is or will be shown. */
  get selected() {
    return this.#edits.selected ?? this.prediction?.selected ?? 0;
  }

  /** Candidates to choose from; none while a prompt waits. */
  get candidates() {
    return this.#edits.onlySelects ? (this.prediction?.ious.length ?? 0) : 0;
  }

  /** @param {ImageSource} source @returns {Promise<boolean>} whether it is open then */
  openImage(source) {
    return new Promise((settle) => this.#ask({ kind: "image", source, settle }));
  }

  /** @param {ModelSource} source */
  openModel(source) {
    this.#ask({ kind: "model", source, settle: () => {} });
  }

  /**
   * @param {Display} display @param {boolean} committed false while a control still moves
   * @param {ImagePart} [part] what is to be rendered while it does, if not the whole image
   */
  setDisplay(display, committed, part) {
    const changed = JSON.stringify(display) !== JSON.stringify(this.#display);
    this.#display = display;
    this.#adjusting = !committed;
    this.#part = committed ? undefined : part;
    if (changed || (committed && this.#partRendered)) this.#renderStale = true;
    if (changed) {
      this.#encodeWanted = true;
      this.preview.clear();
      this.#encode?.cancel();
      this.everything.interrupt("the display was changed");
    }
    this.#wake();
  }

  /** @param {Prompt} prompt */
  addPrompt(prompt) {
    if (!this.#imageSource) return;
    this.#encodeWanted = true;
    this.#edit(prompt);
  }

  /** Gives prompts again that were cleared. @param {Pick<Prediction, "prompts" | "ious" | "selected">} prediction */
  prompt({ prompts, ious, selected }) {
    for (const prompt of prompts) this.addPrompt(prompt);
    if (ious.length > 1) this.#edit({ kind: "select", candidate: selected });
  }

  /** Does what waits to be done while the person looks, if nothing else waits. */
  runErrands() {
    void this.#pump();
  }

  undo() {
    if (this.prompts.length > 0) this.#edit({ kind: "undo" });
  }

  clear() {
    if (this.prompts.length > 0) this.#edit({ kind: "clear" });
  }

  /** @param {number} candidate */
  select(candidate) {
    if (candidate >= 0 && candidate < this.candidates) this.#edit({ kind: "select", candidate });
  }

  cancelEncode() {
    this.#encodeWanted = false;
    this.#encode?.cancel();
    this.#wake();
  }

  encode() {
    this.#encodeWanted = true;
    this.#wake();
  }

  /** The shown mask as a PNG file. */
  maskPng() {
    return this.request("maskPng", []).done;
  }

  /**
   * For the requests that need no step of the loop.
   * @template {WorkerMethod} M
   * @param {M} method
   * @param {Parameters<WorkerMethods[M]>} args
   * @param {(fraction: number) => void} [progress]
   */
  request(method, args, progress) {
    if (!this.#client) throw new Error("The engine does not run; reload the page.");
    return this.#client.start(method, args, progress);
  }

  get #encoded() {
    if (this.#encodedAs === undefined) return false;
    return this.#adjusting || this.#encodedAs === JSON.stringify(this.#display);
  }

  /** @param {Command} command */
  #ask(command) {
    // Only the last asked for counts, besides the one that runs.
    const superseded = this.#commands.filter((other) => other !== this.#command && other.kind === command.kind);
    this.#commands = this.#commands.filter((other) => !superseded.includes(other));
    for (const other of superseded) other.settle(false);
    this.#commands.push(command);
    this.#encodeWanted = true;
    if (this.#stopped) this.#crashes = 0;
    this.#stopped = false;
    this.#encode?.cancel();
    this.#warmUp?.cancel();
    this.#errands.interrupt();
    this.everything.interrupt(`another ${command.kind} was opened`);
    this.training.interrupt();
    this.#wake();
  }

  /** @param {Edit} edit */
  #edit(edit) {
    this.#edits.push(edit);
    this.preview.clear();
    this.#errands.interrupt();
    this.#wake();
  }

  #wake() {
    this.#events.changed();
    void this.#pump();
  }

  async #fetchDefault() {
    try {
      this.#modelFailed = false;
      this.#defaultModel ??= await fetchDefaultModel((fraction) => {
        if (this.#modelLoaded) return;
        this.#events.progress({ label: "Downloading MobileSAM", fraction });
      });
    } catch (error) {
      this.#modelFailed = !this.#modelLoaded && this.modelSource.kind === "default";
      this.#fail(error);
    }
    if (!this.#pumping) this.#events.progress(null);
    this.#wake();
  }

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    let step = this.#nextStep();
    while (step) {
      let seen;
      try {
        seen = await step();
      } catch (error) {
        if (error instanceof CrashError) this.#recover(error);
        else this.#fail(error);
      }
      this.#events.progress(null);
      step = this.#nextStep();
      if (step && seen !== false) this.#events.changed();
    }
    this.#pumping = false;
    if (!this.#stopped) this.#crashes = 0;
    this.#events.changed();
  }

  /** A step that resolves to false changed nothing that is seen. @returns {(() => Promise<boolean | void>) | undefined} */
  #nextStep() {
    if (this.#stopped) return;
    const client = this.#client;
    if (!client) return () => this.#startEngine();
    if (this.#commands.length > 0) return () => this.#runCommand();
    const modelHere = this.modelSource.kind !== "default" || this.#defaultModel !== undefined;
    if (!this.#modelLoaded && !this.#modelFailed && modelHere) return () => this.#restoreModel();
    const decoderStep = this.#modelLoaded ? this.decoder.nextStep(client) : undefined;
    const step = decoderStep ?? this.#nextImageStep() ?? this.#nextMaskStep(client);
    if (step) return step;
    const everythingStep = this.everythingPossible && !this.#adjusting ? this.everything.nextStep(client, this.#display) : undefined;
    if (everythingStep) return everythingStep;
    const trainingStep = this.training.nextStep(client, this.#modelLoaded ? this.model?.name : undefined);
    return trainingStep ?? this.#previewStep(client) ?? this.#warmUpStep(client) ?? this.#errandStep(client);
  }

  /** @param {EngineClient} client */
  #errandStep(client) {
    if (!this.#adjusting) return this.#errands.nextStep(client, this.#modelLoaded ? this.model?.name : undefined);
  }

  /** @param {EngineClient} client */
  #previewStep(client) {
    if (this.state === "encoded" && !this.#adjusting) return this.preview.nextStep(client);
  }

  /** @param {EngineClient} client */
  #warmUpStep(client) {
    if (!this.#cold || !this.device?.gpu || this.state !== "ready" || this.#imageSource) return;
    return async () => {
      this.#cold = false;
      this.#warmUp = client.start("warmUp", []);
      try {
        await this.#warmUp.done;
      } finally {
        this.#warmUp = undefined;
      }
    };
  }

  #nextImageStep() {
    if (!this.#imageSource) return;
    if (!this.#imageOpen) return () => this.#restoreImage();
    if (this.#renderStale) return () => this.#render();
    if (this.#edits.first?.kind === "clear") return () => this.#runEdit();
    if (this.#modelLoaded && !this.#adjusting && !this.#encoded && this.#encodeWanted) return () => this.#runEncode();
  }

  /** @param {EngineClient} client */
  #nextMaskStep(client) {
    if (!this.#imageOpen || !this.#modelLoaded || this.#adjusting || !this.#encoded) return;
    if (this.#replayNeeded) return () => this.#replay();
    if (this.#edits.length > 0) return () => this.#runEdit();
    return this.decoder.compareStep(client, this.prediction !== undefined);
  }

  #requireClient() {
    if (!this.#client) throw new Error("The engine does not run; reload the page.");
    return this.#client;
  }

  /** @param {string} activity */
  #begin(activity) {
    this.activity = activity;
    this.#events.changed();
  }

  async #startEngine() {
    this.#begin("Starting the engine…");
    this.#client = new EngineClient((crash) => {
      if (!this.#pumping) this.#recoverIdle(crash);
    });
    try {
      this.device = await this.#client.request("create", [this.#devicePreference]);
      this.preview.engineStarted(this.device.gpu);
    } catch (error) {
      if (!(error instanceof CrashError)) {
        this.#stopped = true;
        this.#client = undefined;
      }
      throw error;
    }
  }

  async #runCommand() {
    const command = this.#commands[0];
    this.#command = command;
    try {
      if (command.kind === "model") await this.#changeModel(command.source);
      else await this.#openImage(command.source);
    } catch (error) {
      // A crash on the GPU is tried again on the CPU; any other would only come back.
      if (error instanceof CrashError && this.#fallsBack()) throw error;
      this.#commands.shift();
      command.settle(false);
      throw error;
    } finally {
      this.#command = undefined;
    }
    this.#commands.shift();
    command.settle(true);
  }

  /** @param {ModelSource} source */
  async #changeModel(source) {
    const before = this.model?.name;
    await this.training.beforeModel(this.#requireClient(), before);
    await this.#loadModel(source);
    this.decoder.modelChanged();
    this.training.modelChanged(before);
  }

  /** @param {ModelSource} source */
  async #loadModel(source) {
    const progress = (/** @type {number} */ fraction) => this.#events.progress({ label: "Loading the model", fraction });
    const client = this.#requireClient();
    this.#begin("Loading the model…");
    if (source.kind === "stored") {
      this.model = await client.request("loadStored", [source.entry.sha256], progress);
    } else {
      if (source.kind === "default" && !this.#defaultModel) await this.#fetchDefault();
      const file = source.kind === "file" ? source.file : this.#defaultModel;
      if (!file) return;
      this.model = await client.request("loadModel", [file], progress);
    }
    this.modelSource = source;
    this.#modelLoaded = true;
    this.#modelFailed = false;
    // A crash may have come of it.
    this.#cold = this.#crashes === 0;
    this.#encodedAs = undefined;
  }

  /** @param {ImageSource} source */
  async #openImage(source) {
    const info = await this.#requestImage(source);
    this.info = info;
    this.#imageSource = source;
    this.#imageOpen = true;
    this.#edits.empty();
    this.#replayNeeded = false;
    this.#encodedAs = undefined;
    this.#encodeWanted = true;
    this.preview.clear();
    this.#show(undefined);
    this.#renderStale = true;
    this.#events.imageOpened(info);
  }

  /** @param {ImageSource} source */
  #requestImage(source) {
    this.#begin(`Opening ${source.name}…`);
    const client = this.#requireClient();
    return source.kind === "file" ? client.request("openImage", [source.file, source.page ?? 0]) : client.request("openSample", []);
  }

  async #restoreModel() {
    try {
      await this.#loadModel(this.modelSource);
    } catch (error) {
      if (!(error instanceof CrashError)) this.#modelFailed = true;
      throw error;
    }
  }

  async #restoreImage() {
    if (!this.#imageSource) return;
    try {
      await this.#requestImage(this.#imageSource);
      this.#imageOpen = true;
    } catch (error) {
      if (!(error instanceof CrashError)) this.#imageSource = undefined;
      throw error;
    }
  }

  async #render() {
    this.#renderStale = false;
    const client = this.#requireClient();
    const part = this.#part;
    this.#partRendered = part !== undefined;
    if (part) this.#events.renderedPart(await client.request("renderPart", [this.#display, part]), part);
    else this.#events.rendered(await client.request("render", [this.#display]));
  }

  async #runEncode() {
    const display = this.#display;
    const started = performance.now();
    this.#encodedAs = undefined;
    this.#encode = this.#requireClient().start("encode", [display], (fraction) =>
      this.#events.progress({ label: "Encoding the image", fraction }),
    );
    this.#begin("Encoding the image…");
    this.#events.progress({ label: "Encoding the image", fraction: 0 });
    try {
      if (!(await this.#encode.done)) return;
      this.#encodedAs = JSON.stringify(display);
      this.encodeTime = performance.now() - started;
      this.memory = await this.#requireClient().request("memory", []);
      this.#replayNeeded = this.prediction !== undefined;
    } catch (error) {
      if (!(error instanceof CrashError)) this.#encodeWanted = false;
      throw error;
    } finally {
      this.#encode = undefined;
    }
  }

  async #replay() {
    this.#replayNeeded = false;
    this.#show(await this.#timed(this.#requireClient().request("replay", [])));
  }

  async #runEdit() {
    const client = this.#requireClient();
    const edit = this.#edits.first;
    if (!edit) return;
    this.#edits.running = true;
    try {
      if (edit.kind === "clear") this.#show(await client.request("clear", []));
      else if (edit.kind === "undo") this.#show(await this.#timed(client.request("undo", [])));
      else if (edit.kind === "select") this.#show(await client.request("select", [edit.candidate]));
      else {
        this.#show(await this.#timed(client.request("addPrompt", [edit])));
        this.preview.answered(this.promptTime);
      }
      this.#edits.shift();
    } catch (error) {
      if (!(error instanceof CrashError)) this.#edits.shift();
      throw error;
    } finally {
      this.#edits.running = false;
    }
  }

  /** @template T @param {Promise<T>} answer */
  async #timed(answer) {
    const started = performance.now();
    const value = await answer;
    this.promptTime = performance.now() - started;
    return value;
  }

  /** @param {MaskedPrediction | undefined | void} masked */
  #show(masked) {
    this.prediction = masked?.prediction;
    this.#events.masked(masked?.mask ?? null);
    this.decoder.masked();
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#events.failed(error instanceof Error ? error.message : String(error));
  }

  #fallsBack() {
    return this.#devicePreference === "auto" && (this.device?.device.startsWith("WebGPU") ?? false);
  }

  /** @param {CrashError} crash */
  #recoverIdle(crash) {
    this.#recover(crash);
    this.#wake();
  }

  /** Forgets the dead worker; the loop then rebuilds its state in a new one. @param {CrashError} crash */
  #recover(crash) {
    const fallsBack = this.#fallsBack();
    if (fallsBack) this.#devicePreference = "cpu";
    this.#client = undefined;
    this.#modelLoaded = false;
    this.#modelFailed = false;
    this.#imageOpen = false;
    this.#encodedAs = undefined;
    this.#replayNeeded = false;
    if (this.prediction) this.#edits.restore(this.prediction);
    this.prediction = undefined;
    this.preview.clear();
    this.decoder.engineLost();
    const training = this.training.engineLost();
    const search = this.everything.cancel() ? "; the search for objects has to be begun again" : "";
    this.#crashes += 1;
    this.#stopped = this.#crashes > CRASHES_IN_A_ROW;
    const reason = `The engine crashed (${crash.message})`;
    if (this.#stopped) {
      this.#fail(new Error(`${reason} ${this.#crashes} times in a row and was stopped; open another image or a smaller model to start it again.`));
    } else {
      const where = fallsBack ? " on the CPU instead of WebGPU" : "";
      this.#fail(new Error(`${reason} and was started again${where}; the model, the image and the prompts are being restored${training}${search}.`));
    }
  }
}
