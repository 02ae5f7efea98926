// The page on the CPU device with the sample encoded: prints {"decoder_s": …}, the median seconds from the release of
// the mouse to the frame that shows the mask. node tests/bench/click.js [--clicks 11] [--threads 2]
// With --training, also of as many clicks while a training runs, their 95th percentile, and the training's steps in a second
// without and with them: {…, "training": {"decoder_s": …, "decoder_p95_s": …, "steps_per_s": [undisturbed, clicked]}}.
// With --finding, also of as many clicks while the rest of the sample's objects is searched for: {…, "finding": {"decoder_s": …}}.

import { parseArgs } from "node:util";

import { found, labelThree } from "../browser/finding.js";
import { clickImage, launch, waitState } from "../browser/harness.js";
import { centres, sample } from "../browser/sample.js";
import { median } from "./chromium.js";
import { serve } from "./server.js";

/** In the page, before its own scripts: notes what each click took. */
function watch() {
  /** @type {number[]} */
  const painted = [];
  Object.assign(window, { painted });
  let released = 0;
  addEventListener("pointerup", ({ timeStamp }) => (released = timeStamp), true);
  const note = (/** @type {number} */ since) => painted.push((performance.now() - since) / 1000);
  const look = () => {
    if (document.documentElement.dataset.state !== "masked" || released === 0) return;
    const since = released;
    released = 0;
    // The second frame begins when the first is painted.
    requestAnimationFrame(() => requestAnimationFrame(() => note(since)));
  };
  new MutationObserver(look).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
}

/** @param {import("playwright-core").Page} page @param {number} clicks after one that does not count @param {number} [rest] milliseconds after each */
async function measure(page, clicks, rest = 0) {
  const objects = centres(sample().labels).slice(0, clicks + 1);
  if (objects.length <= clicks) throw new Error(`the sample has only ${objects.length} objects to click`);
  for (const [i, { x, y }] of objects.entries()) {
    await clickImage(page, x, y);
    // Looking at every frame would have the page draw meanwhile.
    await page.waitForFunction((count) => /** @type {any} */ (window).painted.length === count, i + 1, { polling: 250 });
    await page.keyboard.press("Escape");
    await waitState(page, "encoded");
    await page.waitForTimeout(rest);
  }
  /** @type {number[]} */
  const seconds = await page.evaluate(() => /** @type {any} */ (window).painted.splice(0));
  return seconds.slice(1);
}

/** Steps of the training so far, and when. @param {import("playwright-core").Page} page */
function progress(page) {
  return page.evaluate(() => {
    const count = document.getElementById("training-count")?.textContent ?? "";
    return { step: Number(/^Step (\d+) /.exec(count)?.[1] ?? 0), time: performance.now() / 1000 };
  });
}

/** Steps in a second while something is done. @param {import("playwright-core").Page} page @param {() => Promise<unknown>} meanwhile */
async function stepsPerSecond(page, meanwhile) {
  const before = await progress(page);
  await meanwhile();
  const after = await progress(page);
  return Number(((after.step - before.step) / (after.time - before.time)).toFixed(3));
}

/** @param {import("playwright-core").Page} page @param {number} clicks */
async function measureInTraining(page, clicks) {
  await page.setInputFiles("#label-file", sample().labelsPath);
  await page.waitForFunction(() => document.documentElement.dataset.training === "ready");
  await page.click("#training-details summary");
  await page.fill("#training-steps", "2000");
  // Little is evaluated in between.
  await page.fill("#held-out-part", "1");
  await page.click("#train");
  await page.waitForFunction(() => /^Step [1-9]/.test(document.getElementById("training-count")?.textContent ?? ""), undefined, {
    timeout: 300_000,
  });
  const undisturbed = await stepsPerSecond(page, () => page.waitForTimeout(30_000));
  /** @type {number[]} */
  let seconds = [];
  const clicked = await stepsPerSecond(page, async () => (seconds = await measure(page, clicks, 1000)));
  seconds.sort((a, b) => a - b);
  const p95 = seconds[Math.ceil(0.95 * seconds.length) - 1];
  return { decoder_s: median(seconds), decoder_p95_s: p95, steps_per_s: [undisturbed, clicked] };
}

/** @param {import("playwright-core").Page} page @param {number} clicks */
async function measureInFinding(page, clicks) {
  await labelThree(page);
  await page.evaluate(() => /** @type {any} */ (window).painted.splice(0));
  await page.click("#find-rest");
  const seconds = await measure(page, clicks);
  if (await page.evaluate(() => document.documentElement.dataset.finding === "none"))
    throw new Error("the search was over before the clicks were: give fewer of them");
  await found(page);
  return { decoder_s: median(seconds) };
}

const options = /** @type {const} */ ({
  clicks: { type: "string", default: "11" },
  threads: { type: "string", default: "2" },
  training: { type: "boolean", default: false },
  finding: { type: "boolean", default: false },
});
const { values } = parseArgs({ options });
const { base, close } = await serve();
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
  await page.addInitScript(watch);
  await page.goto(`${base}dist/index.html?device=cpu&threads=${values.threads}`);
  await waitState(page, "ready", 180_000);
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  const clicks = Number(values.clicks);
  const decoder_s = median(await measure(page, clicks));
  const measured = {
    decoder_s,
    training: values.training ? await measureInTraining(page, clicks) : undefined,
    finding: values.finding ? await measureInFinding(page, clicks) : undefined,
  };
  console.log(JSON.stringify(measured));
} finally {
  await browser.close();
  close();
}
