// What tasks in the worker may call. The worker gets each function's source text, so each stands alone.

/** @typedef {typeof import("../../www/engine/graysam.js")} EngineModule */

/**
 * The seconds of each of `count` runs, after one that does not count.
 * @param {number} count
 * @param {() => Promise<unknown>} run
 * @param {() => unknown} [prepare] is called before each run and not timed
 */
export async function timed(count, run, prepare = () => {}) {
  const seconds = [];
  for (let i = 0; i <= count; i++) {
    await prepare();
    const start = performance.now();
    await run();
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

/**
 * The page's engine with a model.
 * @param {string} base @param {string} model a file below base @param {"cpu" | "webgpu"} [device] @param {number} [threads]
 */
export async function openEngine(base, model, device = "cpu", threads = 1) {
  /** @type {typeof import("../../www/engine/loading.js")} */
  const { loadEngine } = await import(`${base}target/page/www/engine/loading.js`);
  /** @type {typeof import("../../www/engine/thread_pool.js")} */
  const { ThreadPool } = await import(`${base}target/page/www/engine/thread_pool.js`);
  const { module, shared } = await loadEngine();
  const tiles = module.fuse_products() ? module.fused_tiles() : undefined;
  const died = (/** @type {string} */ reason) => console.error(`a thread died: ${reason}`);
  const pool = shared && threads > 1 ? new ThreadPool({ ...shared, tiles }, threads - 1, died) : undefined;
  module.start_pool(1 + ((await pool?.arrived) ?? 0));
  const engine = await module.Engine.create(device);
  const response = await fetch(`${base}${model}`);
  if (!response.ok) throw new Error(`${model} is missing`);
  await engine.load_model(await response.blob(), () => {});
  return engine;
}
