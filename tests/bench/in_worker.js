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

/** The page's engine with a model. @param {string} base @param {string} model a file below base @param {"cpu" | "webgpu"} [device] */
export async function openEngine(base, model, device = "cpu") {
  /** @type {EngineModule} */
  const { default: init, Engine } = await import(`${base}dist/www/engine/graysam.js`);
  await init({ module_or_path: `${base}dist/www/engine/graysam_bg.wasm` });
  const engine = await Engine.create(device);
  const response = await fetch(`${base}${model}`);
  if (!response.ok) throw new Error(`${model} is missing`);
  await engine.load_model(await response.blob(), () => {});
  return engine;
}
