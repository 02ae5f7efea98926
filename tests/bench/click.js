// The page on the CPU device with the sample encoded: prints {"decoder_s": …}, the median seconds from the release of
// the mouse to the frame that shows the mask. node tests/bench/click.js [--clicks 11]

import { parseArgs } from "node:util";

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

/** @param {import("playwright-core").Page} page @param {number} clicks after one that does not count */
async function measure(page, clicks) {
  const objects = centres(sample().labels).slice(0, clicks + 1);
  if (objects.length <= clicks) throw new Error(`the sample has only ${objects.length} objects to click`);
  for (const [i, { x, y }] of objects.entries()) {
    await clickImage(page, x, y);
    // Looking at every frame would have the page draw meanwhile.
    await page.waitForFunction((count) => /** @type {any} */ (window).painted.length === count, i + 1, { polling: 250 });
    await page.keyboard.press("Escape");
    await waitState(page, "encoded");
  }
  /** @type {number[]} */
  const seconds = await page.evaluate(() => /** @type {any} */ (window).painted);
  return seconds.slice(1);
}

const { values } = parseArgs({ options: { clicks: { type: "string", default: "11" } } });
const { base, close } = await serve();
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
  await page.addInitScript(watch);
  await page.goto(`${base}dist/index.html?device=cpu`);
  await waitState(page, "ready", 180_000);
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  console.log(JSON.stringify({ decoder_s: median(await measure(page, Number(values.clicks))) }));
} finally {
  await browser.close();
  close();
}
