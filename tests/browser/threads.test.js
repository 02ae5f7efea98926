// The CPU device's threads: as many as are asked for where the page is isolated, one where it is not, the same masks by all,
// and one that dies takes the engine with it, which comes back.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { png } from "./image_files.js";
import { downloadedMask, largestObject, sample } from "./sample.js";
import { openHost } from "./static_host.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 180_000;
const largest = largestObject(sample().labels);

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The mask of the sample's largest object for a click, and what the page says of the device. @param {Page} page */
async function maskOfSample(page) {
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await clickImage(page, largest.x, largest.y);
  await waitState(page, "masked", LIMIT);
  return { device: await page.textContent("#device-name"), mask: await downloadedMask(page) };
}

test("three threads give bit for bit the mask of one", async () => {
  const { page: one } = await openPage(browser, "?device=cpu&threads=1");
  const alone = await maskOfSample(one);
  assert.deepEqual([alone.device, one.workers().length], ["CPU, 1 thread", 1]);
  await one.close();
  const { page: three, observed } = await openPage(browser, "?device=cpu&threads=3");
  const together = await maskOfSample(three);
  assert.deepEqual([together.device, three.workers().length], ["CPU, 3 threads", 3]);
  assert.deepEqual(together.mask, alone.mask);
  assert.deepEqual(observed.errors, []);
});

test("a page that is not isolated has the same mask by one thread", async () => {
  // A browser without service workers.
  const host = await openHost();
  try {
    const { page, observed } = await openPage(browser, "?device=cpu&threads=3", { base: host.base });
    const alone = await maskOfSample(page);
    assert.equal(await page.evaluate(() => crossOriginIsolated), false);
    assert.deepEqual([alone.device, page.workers().length], ["CPU, 1 thread", 1]);
    const { page: isolated } = await openPage(browser, "?device=cpu&threads=2");
    const together = await maskOfSample(isolated);
    assert.equal(together.device, "CPU, 2 threads");
    assert.deepEqual(together.mask, alone.mask);
    assert.deepEqual(observed.errors, []);
  } finally {
    host.close();
  }
});

test("a thread that dies is a crash of the engine, after which the mask comes back", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  let deaths = 1;
  // Of the first engine's threads one dies as soon as something is computed: the engine waits for it for ever.
  await page.context().route("**/engine/pool_worker.js", async (route) => {
    const response = await route.fetch();
    const script = await response.text();
    assert.match(script, /^ *join_pool\(\);$/m);
    const death = `throw new WebAssembly.RuntimeError("a thread's memory access out of bounds");`;
    await route.fulfill({ response, body: deaths-- > 0 ? script.replace(/^ *join_pool\(\);$/m, death) : script });
  });
  await openPath(page, "?device=cpu&threads=2");
  const { device } = await maskOfSample(page);
  assert.equal(device, "CPU, 2 threads");
  assert.equal(deaths, -1, "there were two engines");
  assert.equal(page.workers().length, 2, "nothing is left of the first");
  assert.match((await page.textContent("#alert-text")) ?? "", /a thread's memory access out of bounds/);
});

test("a thread whose files cannot be loaded is left out", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  await page.context().route("**/engine/pool_worker.js", (route) => route.abort());
  await openPath(page, "?device=cpu&threads=3");
  await waitState(page, "ready", LIMIT);
  assert.equal(await page.textContent("#device-name"), "CPU, 1 thread");
});

/** Trains a little on a few of the sample's objects: the decoder's file. @param {Page} page @param {() => Promise<unknown>} [meanwhile] */
async function trained(page, meanwhile) {
  const { labels } = sample();
  const few = Uint16Array.from(labels.data, (id) => (id <= 6 ? id : 0));
  await page.setInputFiles("#label-file", { name: "few.png", mimeType: "image/png", buffer: png(labels.width, labels.height, few) });
  await page.waitForFunction(() => document.documentElement.dataset.training === "ready");
  await page.click("#training-details summary");
  await page.fill("#training-steps", "2");
  await page.click("#train");
  await page.waitForFunction(() => document.documentElement.dataset.training === "training", undefined, { timeout: LIMIT });
  await meanwhile?.();
  await page.waitForFunction(() => document.documentElement.dataset.training === "done", undefined, { timeout: LIMIT });
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-decoder")]);
  return readFileSync(await download.path());
}

test("a training has threads of its own, beside which a click is answered, and learns what one thread learns", async () => {
  const { page: one } = await openPage(browser, "?device=cpu&threads=1");
  await maskOfSample(one);
  const alone = await trained(one);
  assert.equal(one.workers().length, 1);
  await one.close();
  const { page: two, observed } = await openPage(browser, "?device=cpu&threads=2");
  const { mask } = await maskOfSample(two);
  const beside = await trained(two, async () => {
    assert.equal(two.workers().length, 4);
    await two.keyboard.press("Escape");
    await waitState(two, "encoded");
    await clickImage(two, largest.x, largest.y);
    await waitState(two, "masked", LIMIT);
    assert.deepEqual(await downloadedMask(two), mask);
    assert.equal(await two.evaluate(() => document.documentElement.dataset.training), "training");
  });
  assert.deepEqual(beside, alone);
  assert.deepEqual(observed.errors, []);
});
