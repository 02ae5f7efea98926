// Owns the engine. Engine requests run one after another; the store's run beside them;
// a cancel is heard at once.

import { storeEmbedding, storedEmbedding } from "./embedding_store.js";
import { downloadModel, listModels, removeModel, storedModel } from "./model_store.js";
import { TILE } from "./tiled_layer.js";
import { readCheckpoint, removeCheckpoint, storeCheckpoint, storedTraining } from "./training_store.js";

/** @typedef {typeof import("./engine/graysam.js")} EngineModule */
/** @typedef {import("./engine/graysam.js").Engine} Engine */
/** @typedef {{id: number, progress: (fraction: number) => void}} Request */

/** Pixels of a thumbnail's longer side. */
const THUMBNAIL = 192;

/** @type {Promise<EngineModule> | undefined} */
let loading;
/** @type {EngineModule | undefined} */
let engineModule;
/** @type {WebAssembly.Memory | undefined} */
let engineMemory;
/** @type {Engine | undefined} */
let engine;
/** @type {import("./engine/graysam.js").ObjectExport | undefined} */
let exporting;
/** @type {Promise<void>} */
let queue = Promise.resolve();
/** The encode or warm-up that runs now. @type {number | undefined} */
let encoding;
/** Requests cancelled before their turn. @type {Set<number>} */
const cancelled = new Set();
/** @type {Map<number, AbortController>} */
const downloads = new Map();

/** @returns {Promise<EngineModule>} */
function loadEngine() {
  loading ??= import("./engine/graysam.js")
    .then(async (module) => {
      const { memory } = await module.default({ module_or_path: new URL("./engine/graysam_bg.wasm", import.meta.url) });
      engineMemory = memory;
      engineModule = module;
      return module;
    })
    .catch((error) => {
      throw new Error(`The engine could not be loaded (${error.message}); check the connection and reload the page.`);
    });
  return loading;
}

function requireEngine() {
  if (!engine) throw new Error("The engine has not started; reload the page.");
  return engine;
}

/** @param {Prompt} prompt */
function ask(prompt) {
  const engine = requireEngine();
  if (prompt.kind === "point") return engine.add_point(prompt.x, prompt.y, prompt.positive);
  const { x0, y0, x1, y1 } = prompt;
  if (prompt.kind === "box") return engine.add_box(x0, y0, x1, y1);
  return engine.add_mask(Uint32Array.of(x0, y0, x1, y1), Uint32Array.from(prompt.runs));
}

/** @param {Prediction} prediction @returns {MaskedPrediction} */
function withMask(prediction) {
  return { prediction, mask: requireEngine().mask() };
}

/** @param {Prediction | undefined} prediction */
function withMaskIfAny(prediction) {
  return prediction && withMask(prediction);
}

/**
 * Encodes an image, or takes the embedding that an earlier encode of the same input left.
 * @param {Engine} engine
 * @param {() => string} begin makes the engine ready to encode the image and gives the embedding's key
 * @param {(fraction: number) => void} progress
 */
async function encode(engine, begin, progress) {
  const key = begin();
  const stored = await storedEmbedding(key);
  if (stored) {
    try {
      await engine.restore_embedding(stored);
      return true;
    } catch {
      // A write was cut short.
      begin();
    }
  }
  const finished = await engine.encode((step, steps) => progress(step / steps));
  if (finished) await storeEmbedding(key, await engine.embedding());
  return finished;
}

/** @param {Request} request @param {() => string} begin */
async function cancellableEncode({ id, progress }, begin) {
  if (cancelled.delete(id)) return false;
  encoding = id;
  try {
    return await encode(requireEngine(), begin, progress);
  } finally {
    encoding = undefined;
  }
}

/** @type {{[M in WorkerMethod]: (request: Request, ...args: Parameters<WorkerMethods[M]>) => ReturnType<WorkerMethods[M]> | Promise<ReturnType<WorkerMethods[M]>>}} */
const methods = {
  async create(_request, device) {
    engine = await (await loadEngine()).Engine.create(device);
    return { device: engine.device, note: engine.device_note, gpu: engine.device_is_gpu };
  },
  loadModel: ({ progress }, file) => requireEngine().load_model(file, progress),
  async loadStored({ progress }, sha256) {
    return requireEngine().load_model(await storedModel(sha256), progress);
  },
  async openImage(_request, file, page) {
    return requireEngine().open_image(new Uint8Array(await readFile(file)), page);
  },
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
  encode(request, display) {
    const engine = requireEngine();
    return cancellableEncode(request, () => engine.begin_encoding(display));
  },
  async encodeAhead(request, source, display) {
    const bytes = await bytesOf(source);
    return cancellableEncode(request, () => requireEngine().begin_labelled(bytes, source.page ?? 0, display));
  },
  async thumbnail(_request, source) {
    const png = requireEngine().thumbnail(await bytesOf(source), source.page ?? 0, THUMBNAIL);
    return new Blob([png], { type: "image/png" });
  },
  async warmUp({ id }) {
    if (cancelled.delete(id)) return;
    encoding = id;
    try {
      await requireEngine().warm_up();
    } finally {
      encoding = undefined;
    }
  },
  async addPrompt(_request, prompt) {
    return withMask(await ask(prompt));
  },
  undo: async () => withMaskIfAny(await requireEngine().undo()),
  clear: () => requireEngine().clear(),
  replay: async () => withMaskIfAny(await requireEngine().replay()),
  select: async (_request, candidate) => withMask(await requireEngine().select(candidate)),
  memory: () => engineMemory?.buffer.byteLength ?? 0,
  preview: (_request, { x, y }) => requireEngine().preview(x, y),
  maskPng: () => requireEngine().mask_png(),
  async labelIds(_request, file) {
    return requireEngine().label_ids(new Uint8Array(await readFile(file)));
  },
  sampleLabels: () => requireEngine().sample_labels(),
  labelsPng: (_request, ids, width, height) => requireEngine().labels_png(ids, width, height),
  beginEverything: (_request, display, settings) => requireEngine().begin_everything(display, settings),
  advanceEverything: () => requireEngine().advance_everything(),
  finishEverything() {
    const found = requireEngine().finish_everything();
    const objects = found.objects();
    return { objects, ids: found.ids() };
  },
  async beginExport(_request, format, classes) {
    const { ObjectExport } = await loadEngine();
    exporting?.free();
    exporting = new ObjectExport(format, classes);
  },
  async addToExport(_request, name, source, ids, width, objects) {
    const bytes = await bytesOf(source);
    exporting?.add(name, ids, width, objects, bytes, source.page ?? 0);
  },
  finishExport() {
    if (!exporting) throw new Error("No export was begun; begin it again.");
    const file = exporting.finish();
    exporting = undefined;
    const { suffix } = file;
    return { suffix, file: new Blob([file.bytes()]) };
  },
  async readCoco(_request, file, name, width, height) {
    const { CocoObjects } = await loadEngine();
    const found = CocoObjects.read(new Uint8Array(await readFile(file)), name, width, height);
    const { objects, classes } = found.known();
    return { objects, classes, ids: found.ids() };
  },
  baseSha256: () => requireEngine().base_sha256(),
  openDecoder: (_request, file) => requireEngine().open_decoder(file),
  decoderInfo: () => requireEngine().decoder_info(),
  useFineTuned: (_request, on) => requireEngine().use_fine_tuned(on),
  untouchedMask: () => requireEngine().untouched_mask(),
  async addLabelled(request, source, display, ids) {
    const engine = requireEngine();
    const bytes = await bytesOf(source);
    const finished = await cancellableEncode(request, () => engine.begin_labelled(bytes, source.page ?? 0, display));
    if (finished) engine.add_labelled(ids);
    return finished;
  },
  clearLabelled: () => requireEngine().clear_labelled(),
  startTraining: (_request, settings, heldOut) => requireEngine().start_training(settings, heldOut),
  resumeTraining: async () => requireEngine().resume_training(await readCheckpoint()),
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
  async mergedFile(_request, names) {
    // The browser may keep blobs on the disk; the pieces would fill the memory.
    const pieces = /** @type {Blob[]} */ ([]);
    await requireEngine().merged_file(names, (piece) => pieces.push(new Blob([piece])));
    return new Blob(pieces);
  },
  listModels: () => listModels(),
  async downloadModel({ id, progress }, entry) {
    const { Sha256 } = await loadEngine();
    const abort = new AbortController();
    downloads.set(id, abort);
    try {
      if (cancelled.delete(id)) return false;
      return await downloadModel(entry, Sha256, progress, abort.signal);
    } finally {
      downloads.delete(id);
    }
  },
  removeModel: (_request, sha256) => removeModel(sha256),
};

/** @type {ReadonlySet<WorkerMethod>} */
const besideEngine = new Set(/** @type {WorkerMethod[]} */ (["listModels", "downloadModel", "removeModel"]));

/** @param {Blob} file */
async function readFile(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Error("The file cannot be read any more; it was changed, moved or deleted. Open it again.");
  }
}

/** Undefined for the bundled sample. @param {ImageSource} source */
async function bytesOf(source) {
  return source.kind === "file" ? new Uint8Array(await readFile(source.file)) : undefined;
}

/** @param {FromWorker} message @param {Transferable[]} [transfer] */
function post(message, transfer = []) {
  self.postMessage(message, { transfer });
}

/** @param {string} reason */
function reportCrash(reason) {
  let panic;
  try {
    panic = engineModule?.last_panic();
  } catch {
    // The module is too broken to tell.
  }
  post({ crash: panic ?? reason });
}

/** The buffers of a reply that can move instead of being copied. @param {any} value @returns {Transferable[]} */
function buffersOf(value) {
  return [value, value?.mask, value?.ids, ...(value?.planes ?? [])].filter(ArrayBuffer.isView).map((view) => /** @type {ArrayBuffer} */ (view.buffer));
}

/** Reports go at most every 100 ms, and always at the end. @param {number} id */
function progressOf(id) {
  let last = 0;
  return (/** @type {number} */ fraction) => {
    const now = performance.now();
    if (fraction < 1 && now - last < 100) return;
    last = now;
    post({ id, fraction });
  };
}

/** @param {Exclude<ToWorker, {cancel: number}>} message */
async function answer({ id, method, args }) {
  try {
    const run = /** @type {(request: Request, ...args: unknown[]) => unknown} */ (methods[method]);
    const value = await run({ id, progress: progressOf(id) }, ...args);
    post({ id, value }, buffersOf(value));
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) reportCrash(error.message);
    else if (engine?.device_failed) reportCrash("the GPU was lost");
    else post({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

/** @param {number} id */
function cancel(id) {
  const download = downloads.get(id);
  if (download) download.abort();
  else if (encoding === id) engine?.cancel();
  else cancelled.add(id);
}

self.addEventListener("message", (/** @type {MessageEvent<ToWorker>} */ { data }) => {
  if ("cancel" in data) cancel(data.cancel);
  else if (besideEngine.has(data.method)) void answer(data);
  else queue = queue.then(() => answer(data));
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
