// Owns the engine. Engine requests run one after another; requests to the model store run beside them; a cancel is
// heard at once.

import { TILE } from "../document/rendering.js";
import { folderOf } from "../document/source.js";
import type { ImageSource, MaskRegion } from "../document/types.js";
import { readCheckpoint, removeCheckpoint, storeCheckpoint, storedTraining } from "../storage/checkpoint_store.js";
import { storeEmbedding, storedEmbedding } from "../storage/embedding_store.js";
import { downloadModel, listModels, removeModel, storedModel } from "../storage/model_store.js";
import { inPieces, joined, readFile } from "./bytes.js";
import type { Engine, MaskReply as EngineReply, ObjectExport, ProjectLabels } from "./graysam.js";
import { watchGpu } from "./gpu_watch.js";
import { loadEngine } from "./loading.js";
import type { CompiledEngine, FromWorker, MaskReply, SharedEngine, ToWorker, WorkerMethod, WorkerMethods } from "./methods.js";
import { Turns } from "./turns.js";
import { UnderWay } from "./under_way.js";

type EngineModule = typeof import("./graysam.js");

interface Request {
  id: number;
  progress(fraction: number): void;
}

type Methods = {
  [M in WorkerMethod]: (
    request: Request,
    ...args: Parameters<WorkerMethods[M]>
  ) => ReturnType<WorkerMethods[M]> | Promise<ReturnType<WorkerMethods[M]>>;
};

/** Pixels of a thumbnail's longer side. */
const THUMBNAIL = 192;

let loading: Promise<EngineModule> | undefined;
let takeCompiled: (compiled: CompiledEngine | undefined) => void = () => {};
/** By the page, which begins before this worker. */
const compiled = new Promise<CompiledEngine | undefined>((resolve) => (takeCompiled = resolve));
/** Is told how many further threads there are. */
let poolArrived: (count: number) => void = () => {};
/** What they need; undefined: there are none. */
let shared: SharedEngine | undefined;
let engineModule: EngineModule | undefined;
let engineMemory: WebAssembly.Memory | undefined;
let engine: Engine | undefined;
/** Has a GPU that does not answer noticed sooner, as somebody waits to be heard. */
let hurryGpu: (() => void) | undefined;
const exports = new UnderWay<ObjectExport>("No export was begun; begin it again.");
const projectLabels = new UnderWay<ProjectLabels>("No label files were begun; save the project again.");
const turns = new Turns();
/** The encode or warm-up that runs now. */
let encoding: number | undefined;
/** Requests cancelled before their turn. */
const cancelled = new Set<number>();
const downloads = new Map<number, AbortController>();

function requireModule(): Promise<EngineModule> {
  loading ??= loadEngine(compiled)
    .then(async (loaded) => {
      const { module, memory } = loaded;
      engineMemory = memory;
      engineModule = module;
      let further = 0;
      if (loaded.shared) {
        shared = { ...loaded.shared, tiles: module.fuse_products() ? module.fused_tiles() : undefined };
        further = await furtherThreads(shared);
      }
      if (further === 0) shared = undefined;
      module.start_pool(1 + further);
      return module;
    })
    .catch((error) => {
      throw new Error(`The engine could not be loaded (${error.message}); check the connection and reload the page.`);
    });
  return loading;
}

/** Has the page start them. @param beside for a training @returns how many there are */
function furtherThreads(shared: SharedEngine, beside = false): Promise<number> {
  return new Promise((resolve) => {
    poolArrived = resolve;
    post({ shared, beside });
  });
}

/** On a GPU, and with a single thread, a training takes turns with the other requests. */
async function startThreadsBeside() {
  const module = await requireModule();
  if (!shared || !requireEngine().computes_on_cpu) return false;
  const count = await furtherThreads(shared, true);
  if (count > 0) module.start_pool_beside(count);
  return count > 0;
}

function requireEngine() {
  if (!engine) throw new Error("The engine has not started; reload the page.");
  return engine;
}

/**
 * Encodes an image, or takes the embedding that an earlier encode of the same input left.
 * @param begin makes the engine ready to encode the image and gives the embedding's key
 */
async function encode(engine: Engine, begin: () => string, progress: (fraction: number) => void) {
  const key = begin();
  const stored = await storedEmbedding(key);
  if (stored) {
    try {
      await engine.restore_embedding(stored);
      return true;
    } catch {
      // It is incomplete: its writing was interrupted.
      begin();
    }
  }
  const finished = await engine.encode((step, steps) => progress(step / steps));
  if (finished) await storeEmbedding(key, await engine.embedding());
  return finished;
}

/** A mask's reply as plain values. */
function replyOf(reply: EngineReply): MaskReply {
  const prediction = reply.prediction();
  if (!prediction) {
    const needs = reply.needs();
    reply.free();
    if (!needs) throw new Error("The engine gave neither a mask nor what it needs for one; reload the page.");
    return { needs };
  }
  const [x0, y0, x1, y1] = reply.bounds();
  return { needs: undefined, prediction, mask: { x0, y0, x1, y1, bits: reply.bits() } };
}

/** Runs `work`, which `cancel` ends early; undefined where it was cancelled before its turn. */
async function cancellable<T>({ id }: Request, work: () => Promise<T>): Promise<T | undefined> {
  if (cancelled.delete(id)) return undefined;
  encoding = id;
  try {
    return await work();
  } finally {
    encoding = undefined;
  }
}

async function cancellableEncode(request: Request, begin: () => string) {
  return (await cancellable(request, () => encode(requireEngine(), begin, request.progress))) ?? false;
}

/** Undefined for the bundled sample. */
function fileOf(source: ImageSource) {
  return source.kind === "file" ? source.file : undefined;
}

const methods: Methods = {
  async create(_request, device) {
    const module = await requireModule();
    engine?.free();
    engine = await module.Engine.create(device);
    const info = engine.device_info();
    // Software takes as long as it takes.
    hurryGpu = info.gpu ? watchGpu(module.gpu_wait, () => reportCrash("the GPU has stopped answering")) : undefined;
    return { device: info, ranges: module.setting_ranges() };
  },
  checkDevice: (_request, choosesTiles) => requireEngine().check_device(choosesTiles),
  takeCheck: (_request, known) => requireEngine().take_check(known),
  measureDevice: () => requireEngine().measure_device(),
  loadModel: ({ progress }, file) => requireEngine().load_model(file, progress),
  async loadStored({ progress }, key) {
    return requireEngine().load_model(await storedModel(key), progress);
  },
  async isInstanceDecoder(_request, file) {
    const { is_instance_decoder } = await requireModule();
    return is_instance_decoder(file);
  },
  async openInstanceDecoder(_request, file) {
    return requireEngine().open_instance_decoder(typeof file === "string" ? await storedModel(file) : file);
  },
  openImage: (_request, file, page, channels = "own") => requireEngine().open_image(file, page, channels),
  openSample: () => requireEngine().open_sample(),
  render(_request, display) {
    const engine = requireEngine();
    return { planes: engine.render(display, TILE), colours: engine.colours(display) };
  },
  renderPart(_request, display, { step, box }) {
    const engine = requireEngine();
    const [columns, rows] = [Uint32Array.of(box.x0, box.x1), Uint32Array.of(box.y0, box.y1)];
    return { planes: [engine.render_part(display, step, columns, rows)], colours: engine.colours(display) };
  },
  encode(request, display, part) {
    const engine = requireEngine();
    return cancellableEncode(request, () => engine.begin_encoding(display, part));
  },
  missingPart: (_request, side, { x0, y0, x1, y1 }) => requireEngine().missing_part(side, Float32Array.of(x0, y0, x1, y1)),
  encodeAhead(request, source, display) {
    return cancellableEncode(request, () => requireEngine().begin_ahead(fileOf(source), source.page ?? 0, display));
  },
  thumbnail(_request, source, channels) {
    const png = requireEngine().thumbnail(fileOf(source), source.page ?? 0, channels, THUMBNAIL);
    return new Blob([png], { type: "image/png" });
  },
  warmUp: (request) => cancellable(request, () => requireEngine().warm_up()),
  async predict(_request, rounds) {
    const reply = await requireEngine().predict([...rounds]);
    return reply && replyOf(reply);
  },
  memory: () => engineMemory?.buffer.byteLength ?? 0,
  preview: async (_request, { x, y }, side) => replyOf(await requireEngine().preview(x, y, side)),
  maskPng: () => requireEngine().mask_png(),
  sampleLabelRuns: () => requireEngine().sample_label_runs(),
  labelsPng: (_request, runs, width, height) => requireEngine().labels_png(runs, width, height),
  labelsTiff: (_request, runs, width, height) => requireEngine().labels_tiff(runs, width, height),
  suitedSide: (_request, extent) => requireEngine().suited_side(extent),
  beginAutomaticMasks: (_request, display, settings, side) => requireEngine().begin_automatic_masks(display, settings, side),
  beginInstances(_request, display, method, settings, side) {
    return requireEngine().begin_instances(display, method, settings, side);
  },
  advanceAutomaticMasks: () => requireEngine().advance_automatic_masks(),
  dropAutomaticMasks: () => requireEngine().drop_automatic_masks(),
  finishAutomaticMasks() {
    const found = requireEngine().finish_automatic_masks();
    const objects = found.objects();
    return { objects, runs: found.runs() };
  },
  beginLearning(_request, display, runs, rejected) {
    const bounds = rejected.flatMap(({ x0, y0, x1, y1 }) => [x0, y0, x1, y1]);
    return requireEngine().begin_learning(display, runs, Uint32Array.from(bounds), joined(rejected.map(({ bits }) => bits)));
  },
  beginFinding(_request, source, display, runs) {
    return requireEngine().begin_finding(fileOf(source), source.page ?? 0, display, runs);
  },
  advanceFinding: () => requireEngine().advance_finding(),
  dropFinding: () => requireEngine().drop_finding(),
  finishFinding() {
    const found = requireEngine().finish_finding();
    const { threshold } = found;
    const [suggestions, quality] = [found.infos(), found.quality()];
    return { suggestions, quality, threshold, bits: found.bits() };
  },
  finderFile: async () => new Blob([await requireEngine().finder_file()]),
  openFinder: (_request, file) => requireEngine().open_finder(file),
  async beginExport(_request, format, classes) {
    const { ObjectExport } = await requireModule();
    exports.begin(
      () =>
        new ObjectExport(
          format,
          classes.map(({ name, colour }) => ({ name, colour })),
        ),
    );
  },
  addToExport(_request, name, source, runs, width, objects, display) {
    exports.begun.add(name, folderOf(source), runs, width, objects, fileOf(source), source.page ?? 0, display);
  },
  finishExport() {
    const file = exports.finish();
    const { name } = file;
    return { name, file: new Blob([file.bytes()]) };
  },
  async beginProjectLabels(_request, classes) {
    const { ProjectLabels } = await requireModule();
    projectLabels.begin(() => new ProjectLabels(classes.map(({ name, colour }) => ({ name, colour }))));
  },
  addProjectLabels: (_request, name, runs, width, height, objects) => projectLabels.begun.add(name, runs, width, height, objects),
  finishProjectLabels: () => new Blob([projectLabels.finish()]),
  async readProjectLabels(_request, file, width, height) {
    const { ProjectLabels } = await requireModule();
    return ProjectLabels.read(await readFile(file), width, height);
  },
  async readObjects(_request, file, { name, folder, page, pages, width, height }, parted) {
    const { OpenedObjects } = await requireModule();
    const found = OpenedObjects.read(await readFile(file), name, folder, page, pages, width, height, parted);
    const { parts, told } = found;
    return { ...found.known(), parts, told, runs: found.runs() };
  },
  baseSha256: () => requireEngine().base_sha256(),
  openDecoder: (_request, file) => requireEngine().open_decoder(file),
  useFineTuned: (_request, on) => requireEngine().use_fine_tuned(on),
  async untouchedMask() {
    const reply = await requireEngine().untouched_mask();
    return reply && replyOf(reply);
  },
  beginLabelled(_request, source, display, runs) {
    return requireEngine().begin_labelled(fileOf(source), source.page ?? 0, display, runs);
  },
  encodeLabelled: (request) => cancellableEncode(request, () => requireEngine().begin_labelled_part()),
  addLabelled: () => requireEngine().add_labelled(),
  clearLabelled: () => requireEngine().clear_labelled(),
  async startTraining(_request, settings, heldOut) {
    await (turns.trainsBeside ??= startThreadsBeside());
    return requireEngine().start_training(settings, Uint32Array.from(heldOut));
  },
  async resumeTraining() {
    await (turns.trainsBeside ??= startThreadsBeside());
    return requireEngine().resume_training(await readCheckpoint());
  },
  train: () => requireEngine().train(),
  adoptBest: () => requireEngine().adopt_best(),
  async storeCheckpoint(_request, about) {
    const whole = { ...about, base: await requireEngine().base_sha256() };
    await storeCheckpoint(whole, await requireEngine().checkpoint());
    return whole;
  },
  storedTraining: () => storedTraining(),
  removeCheckpoint: () => removeCheckpoint(),
  decoderFile: async (_request, names) => new Blob([await requireEngine().decoder_file(names)]),
  mergedFile: (_request, names) => inPieces((sink) => requireEngine().merged_file(names, sink)),
  packageFile: () => inPieces((sink) => requireEngine().package(sink)),
  listModels: () => listModels(),
  async downloadModel({ id, progress }, file) {
    const { Sha256 } = await requireModule();
    const abort = new AbortController();
    downloads.set(id, abort);
    try {
      if (cancelled.delete(id)) return false;
      return await downloadModel(file, Sha256, progress, abort.signal);
    } finally {
      downloads.delete(id);
    }
  },
  removeModel: (_request, key) => removeModel(key),
};

function post(message: FromWorker, transfer: Transferable[] = []) {
  self.postMessage(message, { transfer });
}

function reportCrash(reason: string) {
  let panic: string | undefined;
  try {
    panic = engineModule?.last_panic();
  } catch {
    // The module is too broken to tell.
  }
  post({ crash: panic ?? reason });
}

/** The buffers of a reply that can move instead of being copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const { mask, runs, bits, planes = [] } = (value ?? {}) as { mask?: MaskRegion; runs?: unknown; bits?: unknown; planes?: unknown[] };
  return [value, mask?.bits, runs, bits, ...planes].filter(ArrayBuffer.isView).map((view) => view.buffer as ArrayBuffer);
}

/** Reports go at most every 100 ms, and always at the end. */
function progressOf(id: number) {
  let last = 0;
  return (fraction: number) => {
    const now = performance.now();
    if (fraction < 1 && now - last < 100) return;
    last = now;
    post({ id, fraction });
  };
}

async function answer({ id, method, args }: Extract<ToWorker, { method: WorkerMethod }>) {
  try {
    const run = methods[method] as (request: Request, ...args: unknown[]) => unknown;
    const value = await run({ id, progress: progressOf(id) }, ...args);
    post({ id, value }, buffersOf(value));
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) reportCrash(error.message);
    else if (engine?.device_fault) reportCrash(engine.device_fault);
    else post({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

function cancel(id: number) {
  const download = downloads.get(id);
  if (download) download.abort();
  else if (encoding === id) engine?.cancel();
  else cancelled.add(id);
}

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if ("compiled" in data) takeCompiled(data.compiled);
  else if ("pool" in data) poolArrived(data.pool);
  else if ("cancel" in data) cancel(data.cancel);
  else if ("hurry" in data) hurryGpu?.();
  else turns.take(data.method, () => answer(data));
});

// A panic inside a future of the engine surfaces here and leaves its promise open for ever.
self.addEventListener("error", (event) => {
  event.preventDefault();
  reportCrash(event.message);
});
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  reportCrash(String(event.reason));
});
