// Runs what is to be measured in Chromium: in workers of a blank page, as GraySAM's page runs its engine.

import { launch } from "../browser/harness.js";
import { openEngine, timed } from "./in_worker.js";
import { serve } from "./server.js";

// Where it fails, the reason is the last line; Node would add its version.
process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exitCode = 1;
});

export const MOBILE_SAM = "dist/www/models/mobile_sam.safetensors";
/** @type {import("../../www/engine/graysam.js").Display} */
export const DISPLAY = { window: "percentile", black: 0, white: 1, gamma: 1, invert: false, colormap: "gray" };

/** @typedef {import("playwright-core").Page} Page */
/** What a worker answers. @typedef {{value?: any, error?: string}} Answer */

/**
 * Opens a blank page, beside which the repository's files are served.
 * @template T
 * @param {(page: Page, base: string) => Promise<T>} use gets the address of the files too
 */
export async function withPage(use) {
  const { base, close } = await serve();
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(base);
    return await use(page, base);
  } finally {
    await browser.close();
    close();
  }
}

/**
 * Calls a function in a worker and gives what it resolves to.
 * @template {unknown[]} A
 * @template T
 * @param {(base: string, ...args: A) => Promise<T>} task gets the address of the repository's files first
 * @param {A} args which JSON can express, as the result must be
 * @returns {Promise<T>}
 */
export function inChromium(task, ...args) {
  return withPage(async (page, base) => {
    const worker = await page.evaluateHandle(startWorker, workerScript(task, [base, ...args]));
    return unwrap(await worker.evaluate(nextAnswer, null));
  });
}

/**
 * Calls a function in a worker and gives a function that calls, in the same worker, the functions that the first one
 * resolved to, by their names.
 * @template {unknown[]} A
 * @param {Page} page @param {(...args: A) => Promise<Record<string, () => Promise<any>>>} open @param {A} args
 * @returns {Promise<(name: string) => Promise<any>>}
 */
export async function inWorker(page, open, ...args) {
  const script = `const opened = ${call(open, args)};
    const run = async (name) => (await (await opened)[name]()) ?? null;
    self.onmessage = ({ data: name }) => run(name).then(${ANSWER});`;
  const worker = await page.evaluateHandle(startWorker, `${HELPERS}\n${script}`);
  return async (name) => unwrap(await worker.evaluate(nextAnswer, name));
}

const HELPERS = `${timed}\n${openEngine}`;
const ANSWER = "(value) => self.postMessage({ value }), (error) => self.postMessage({ error: error.message ?? error })";

/** The source of a function's call, which sees nothing from around it but HELPERS. @param {Function} task @param {unknown[]} args */
function call(task, args) {
  return `(${task})(${args.map((arg) => JSON.stringify(arg)).join(", ")})`;
}

/** @param {Function} task @param {unknown[]} args */
function workerScript(task, args) {
  return `${HELPERS}\n${call(task, args)}.then(${ANSWER});`;
}

/** @param {Answer} answer */
function unwrap({ value, error }) {
  if (error !== undefined) throw new Error(error);
  return value;
}

/** In the page. @param {string} script */
function startWorker(script) {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  return new Worker(address, { type: "module" });
}

/** In the page: what the worker answers, to a message if there is one. @param {Worker} worker @param {unknown} message @returns {Promise<Answer>} */
function nextAnswer(worker, message) {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ error: message });
    if (message !== null) worker.postMessage(message);
  });
}

/** The median of at least one number. @param {number[]} numbers */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}
