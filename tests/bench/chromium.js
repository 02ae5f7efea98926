// Runs what is to be measured in Chromium: in a worker of a blank page, as GraySAM's page runs its engine.

import { launch } from "../browser/harness.js";
import { openEngine, timed } from "./in_worker.js";
import { serve } from "./server.js";

// Where it fails, the reason is the last line; Node would add its version.
process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exitCode = 1;
});

export const MOBILE_SAM = "dist/www/models/mobile_sam.safetensors";
/** @type {Display} */
export const DISPLAY = { window: "percentile", black: 0, white: 1, gamma: 1, invert: false, colormap: "gray" };

/**
 * Calls a function in a worker and gives what it resolves to. The worker gets its source text, which sees nothing from
 * around it but the functions of in_worker.js.
 * @template {unknown[]} A
 * @template T
 * @param {(base: string, ...args: A) => Promise<T>} task gets the address of the repository's files first
 * @param {A} args which JSON can express, as the result must be
 * @returns {Promise<T>}
 */
export async function inChromium(task, ...args) {
  const { base, close } = await serve();
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(base);
    const call = `(${task})(${[base, ...args].map((arg) => JSON.stringify(arg)).join(", ")})`;
    const answer = "(value) => self.postMessage({ value }), (error) => self.postMessage({ error: error.message ?? error })";
    const { value, error } = await page.evaluate(runWorker, `${timed}\n${openEngine}\n${call}.then(${answer});`);
    if (error !== undefined) throw new Error(error);
    return value;
  } finally {
    await browser.close();
    close();
  }
}

/** In the page. @param {string} script @returns {Promise<{value?: any, error?: string}>} the worker's first message */
function runWorker(script) {
  return new Promise((resolve) => {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
  });
}

/** The median of at least one number. @param {number[]} numbers */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
