// A first and a second visit of a page with one profile, up to the first mask.
// node tests/bench/start_up.js graysam|onnxruntime_web prints {"cold_ready_s": …, "cold_mask_s": …, "warm_ready_s": …,
// "warm_mask_s": …, "memory_mb": …}: seconds since the navigation, and the most memory that the first visit's page held.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launchWithProfile } from "../browser/harness.js";
// Which makes the reason the last line where this fails.
import "./chromium.js";
import { serve } from "./server.js";

/** @typedef {{ready: number, mask: number, megabytes: number | undefined}} Visit */

/** @type {Record<string, string>} */
const PAGES = {
  graysam: "dist/index.html?device=cpu&threads=2",
  onnxruntime_web: "tests/bench/reference_page.html?threads=2",
};
const LIMIT = 300_000;

/** In the page, before its own scripts: notes when it becomes ready and masked, and does what a person would. */
function watch() {
  /** @type {Record<string, number>} */
  const times = {};
  Object.assign(window, { times });
  const press = (/** @type {string} */ key) => {
    for (const type of ["keydown", "keyup"])
      document.getElementById("canvas")?.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true }));
  };
  const look = () => {
    const { state } = document.documentElement.dataset;
    if (!state || state === "loading" || state in times) return;
    // A second visit goes on to its image at once.
    times.ready ??= performance.now() / 1000;
    times[state] = performance.now() / 1000;
    if (state === "ready") document.getElementById("open-sample")?.click();
    // A point in the middle of the image.
    if (state === "encoded") press(" ");
  };
  new MutationObserver(look).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
}

/** @param {string} profile @param {string} address @returns {Promise<Visit>} */
async function visit(profile, address) {
  const context = await launchWithProfile(profile);
  try {
    const page = await context.newPage();
    await page.addInitScript(watch);
    await page.goto(address, { waitUntil: "commit" });
    const times = () => /** @type {any} */ (window).times;
    await page.waitForFunction(() => "masked" in /** @type {any} */ (window).times, undefined, { timeout: LIMIT });
    const { ready, masked } = await page.evaluate(times);
    return { ready, mask: masked, megabytes: await peakMemory(context) };
  } finally {
    await context.close();
  }
}

/** Of the largest process that renders a page, as Linux tells it. @param {import("playwright-core").BrowserContext} context */
async function peakMemory(context) {
  const session = await context.browser()?.newBrowserCDPSession();
  if (!session || process.platform !== "linux") return undefined;
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const kibibytes = renderers.map(({ id }) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1]));
  return (Math.max(...kibibytes) * 1024) / 1e6;
}

const path = PAGES[process.argv[2] ?? "graysam"];
if (!path) throw new Error(`Measure one of ${Object.keys(PAGES).join(", ")}.`);
const { base, close } = await serve();
const profile = mkdtempSync(join(tmpdir(), "graysam-profile-"));
try {
  const cold = await visit(profile, base + path);
  const warm = await visit(profile, base + path);
  const figures = {
    cold_ready_s: cold.ready,
    cold_mask_s: cold.mask,
    warm_ready_s: warm.ready,
    warm_mask_s: warm.mask,
    memory_mb: cold.megabytes,
  };
  console.log(JSON.stringify(figures));
} finally {
  rmSync(profile, { recursive: true, force: true });
  close();
}
