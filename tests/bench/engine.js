// The page's engine in Chromium, on the CPU device: seconds of an encoding of the sample and of a click on it.
// node tests/bench/engine.js [--model FILE] [--encodings 3] [--clicks 11] [--threads 1], with a file that server.js serves.

import { parseArgs } from "node:util";

import { DISPLAY, MOBILE_SAM, inChromium } from "./chromium.js";
import { openEngine, timed } from "./in_worker.js";
import { COUNTS, printMedians } from "./inference.js";

/** @typedef {import("./inference.js").Seconds} Seconds */

/**
 * An encoding counts without the image's preparation, a click until its mask is there in pixels of the image.
 * @param {string} base @param {string} model @param {number} encodings @param {number} clicks
 * @param {import("../../www/engine/graysam.js").Display} display @param {number} threads
 * @returns {Promise<Seconds>}
 */
async function measure(base, model, encodings, clicks, display, threads) {
  const engine = await openEngine(base, model, "cpu", threads);
  const { width, height } = engine.open_sample();
  const encode = () => engine.encode(() => {});
  const encoder = await timed(encodings, encode, () => engine.begin_encoding(display));
  const click = async () => {
    const prompt = /** @type {const} */ ({ kind: "point", x: width / 2, y: height / 2, positive: true });
    (await engine.predict([{ prompt, candidate: null, side: 0 }]))?.bits();
  };
  const decoder = clicks > 0 ? await timed(clicks, click, () => engine.predict([])) : [];
  return { encoder, decoder };
}

const OPTIONS = /** @type {const} */ ({ model: { type: "string", default: MOBILE_SAM }, threads: { type: "string", default: "1" } });
const { values } = parseArgs({ options: { ...OPTIONS, ...COUNTS } });
const counts = /** @type {const} */ ([Number(values.encodings), Number(values.clicks)]);
printMedians(await inChromium(measure, values.model, ...counts, DISPLAY, Number(values.threads)));
