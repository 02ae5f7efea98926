// The median seconds of a training step of the page's engine in Chromium, on the CPU device: the recipe of
// `graysam finetune --batch 4 --rounds 2 --steps N` on the sample. Prints {"seconds_per_step": …}.
// node tests/bench/training_step.js [STEPS] [THREADS]

import { DISPLAY, MOBILE_SAM, inChromium, median } from "./chromium.js";
import { openEngine } from "./in_worker.js";

const SETTINGS = { batch: 4, learning_rate: 1e-4, rounds: 2, points: 0.5, held_out: 0.1, evaluate_every: 20, seed: 0 };

/**
 * Trains to the end, and gives the seconds of each step.
 * @param {string} base @param {string} model @param {import("../../www/engine/graysam.js").TrainingSettings} settings
 * @param {import("../../www/engine/graysam.js").Display} display @param {number} threads
 */
async function train(base, model, settings, display, threads) {
  const engine = await openEngine(base, model, "cpu", threads);
  engine.begin_labelled(undefined, 0, display, engine.sample_label_runs());
  engine.begin_labelled_part();
  await engine.encode(() => {});
  engine.add_labelled();
  await engine.start_training(settings, new Uint32Array());
  const seconds = [];
  for (let finished = false; !finished;) {
    const start = performance.now();
    const report = await engine.train();
    if (report.loss !== undefined) seconds.push((performance.now() - start) / 1000);
    finished = report.finished;
  }
  return seconds;
}

const [steps, threads] = [Number(process.argv[2] ?? 12), Number(process.argv[3] ?? 2)];
const seconds = await inChromium(train, MOBILE_SAM, { ...SETTINGS, steps }, DISPLAY, threads);
console.log(JSON.stringify({ seconds_per_step: median(seconds) }));
