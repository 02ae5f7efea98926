// Renews the pictures of README and manual, docs/pictures/*.png, from the page served at GRAYSAM_URL.
// `cargo xtask pictures` builds and serves it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { clickImage, launch, openPage, waitState } from "./browser/harness.js";
import { centres, sample, temporaryFolder } from "./browser/sample.js";
import { png } from "./browser/image_files.js";

/** @typedef {import("playwright-core").Page} Page */

const FOLDER = "docs/pictures";
const LIMIT = 600_000;

/** @param {Page} page @param {string} name */
async function take(page, name) {
  await page.waitForFunction(() => document.getElementById("canvas")?.dataset.complete === "true").catch(() => {});
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
}

/** Brings a panel to the top of the column. @param {Page} page @param {string} panel */
async function show(page, panel) {
  await page.locator(`#${panel}`).evaluate((element) => {
    if (element instanceof HTMLDetailsElement) element.open = true;
    element.scrollIntoView({ block: "start" });
  });
}

/** Frames of a stage that moves over the sample's nuclei, out of focus. @returns {string[]} */
function frames() {
  const { data, width, height } = sample().labels;
  const folder = temporaryFolder();
  const brightness = (/** @type {number} */ id) => (id ? 2000 + ((id * 613) % 5000) : 0);
  return ["frame 01", "frame 02", "frame 03", "frame 04"].map((name, i) => {
    const start = (i + 1) * (70 * width + 110);
    const pixels = Uint16Array.from({ length: width * height }, (_, at) => {
      let sum = 0;
      for (let y = -3; y <= 3; y++) {
        for (let x = -3; x <= 3; x++) sum += brightness(Number(data[(at + start + y * width + x) % data.length]));
      }
      return 300 + sum / 49 + ((at * 7919) % 211);
    });
    const path = join(folder, `${name}.png`);
    writeFileSync(path, png(width, height, pixels));
    return path;
  });
}

/** @param {Page} page */
async function prompting(page) {
  await take(page, "start");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await show(page, "panel-display");
  await take(page, "display");
  const [object] = centres(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  await show(page, "panel-mask");
  await take(page, "mask");
  await page.keyboard.press("Enter");
  await page.click("#use-sample-labels");
  await page.waitForFunction(() => Number(document.getElementById("object-count")?.textContent) > 5);
  await page.click("#tool-select");
  await clickImage(page, object.x, object.y);
  await show(page, "panel-objects");
  await take(page, "objects");
}

/** @param {Page} page */
async function training(page) {
  await show(page, "training-details");
  await page.fill("#training-steps", "12");
  await page.click("#train");
  await page.waitForFunction(() => document.documentElement.dataset.training === "done", undefined, { timeout: LIMIT });
  await page.click("#tool-prompt");
  const [, object] = centres(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  await page.check("#compare-decoders");
  await page.waitForFunction(() => /pixels$/.test(document.getElementById("untouched-caption")?.textContent ?? ""), undefined, {
    timeout: LIMIT,
  });
  await page.locator("#training-details").evaluate((details) => details.removeAttribute("open"));
  await show(page, "training-figure");
  await take(page, "training");
  await page.uncheck("#compare-decoders");
  await page.keyboard.press("Escape");
}

/** @param {Page} page */
async function finding(page) {
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await show(page, "panel-find");
  await page.locator("#everything-details").evaluate((details) => details.setAttribute("open", ""));
  await page.fill("#everything-points", "12");
  await page.click("#find-everything");
  await page.waitForFunction(() => Number(document.getElementById("object-count")?.textContent) > 5, undefined, { timeout: LIMIT });
  await show(page, "panel-find");
  await take(page, "find");
  await show(page, "export-details");
  await take(page, "export");
}

/** @param {Page} page */
async function several(page) {
  await page.setInputFiles("#image-file", frames());
  await page.waitForFunction(() => document.querySelectorAll("#images li img[src]").length >= 4, undefined, { timeout: LIMIT });
  await waitState(page, "encoded", LIMIT);
  const [{ x, y }] = centres(sample().labels);
  // Where the first frame has that object.
  await clickImage(page, x - 110, y - 70);
  await waitState(page, "masked", LIMIT);
  await page.keyboard.press("Enter");
  await page.click("#done-image");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 02"));
  await waitState(page, "encoded", LIMIT);
  await show(page, "panel-display");
  await take(page, "images");
  await page.selectOption("#look", "dark");
  await take(page, "dark");
}

mkdirSync(FOLDER, { recursive: true });
const browser = await launch();
try {
  const { page } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", LIMIT);
  for (const part of [prompting, training, finding, several]) await part(page);
} finally {
  await browser.close();
}
