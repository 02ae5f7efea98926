// The page on WebGPU. Chromium's software adapter is right but slow, so the image encoder that runs on it is a
// tiny one, and MobileSAM's decoder works on an embedding that the CPU device left in the page's storage.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, clickImage, dragImage, launch, openPage, openPath, openSampleWith, waitState } from "./harness.js";
import { downloadedMask, iou, largestObject, sample, tinyModel } from "./sample.js";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the decoder on WebGPU finds the sample's nucleus", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  await openPath(page, "?device=webgpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  assert.match((await page.textContent("#device-name")) ?? "", /WebGPU/);

  const { labels } = sample();
  const object = largestObject(labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", 300_000);
  const found = iou(await downloadedMask(page), labels, object.id);
  console.log(`IoU with the sample's label after one click on WebGPU: ${found.toFixed(3)}`);
  assert.ok(found > 0.8, `the mask's IoU with the label is ${found}`);
  assert.deepEqual(observed.errors, []);
});

/** @typedef {Awaited<ReturnType<typeof downloadedMask>>} Mask */

/** The tiny model's answer to a box. @param {import("./harness.js").Page} page */
async function answered(page) {
  await openSampleWith(page, tinyModel());
  await dragImage(page, 200, 100, 420, 330);
  await waitState(page, "masked", 300_000);
  return downloadedMask(page);
}

/** @param {Mask} a @param {Mask} b */
function assertSame(a, b) {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.data.length; i++) {
    if (a.data[i] && b.data[i]) both += 1;
    if (a.data[i] || b.data[i]) either += 1;
  }
  assert.ok(both / either > 0.99, `the masks' IoU is ${both / either}`);
}

test("a tiny model on WebGPU gives the CPU device's mask", async () => {
  const masks = [];
  for (const device of ["cpu", "webgpu"]) {
    const { page, observed } = await openPage(browser, `?device=${device}`);
    masks.push(await answered(page));
    assert.deepEqual(observed.errors, []);
  }
  assertSame(masks[0], masks[1]);
});

/** What a check of a GPU finds that is all right. @type {import("../../www/engine/graysam.js").DeviceCheck} */
const WELL = { avoided: [], usable: true, note: null, tiles: { single: "64 × 64", half: "128 × 64" } };

/** Appended to the engine's module: the check finds two kernels wrong. Software takes minutes for the real one. */
const WRONG = `{
  Engine.prototype.check_device = async function () {
    const check = ${JSON.stringify({ ...WELL, avoided: ["linear", "attention"], note: "Two kernels are wrong." })};
    this.take_check(check);
    return check;
  };
}`;

/** Appended to the engine's module: it finds all of it right. */
const RIGHT = `{
  Engine.prototype.check_device = async () => (${JSON.stringify(WELL)});
}`;

// The last one, as its page leaves the GPU at work.
test("what is wrong with a GPU is left unused, with the same answer, until the person has it checked again", async () => {
  const { page: plain } = await openPage(browser, "?device=cpu");
  const right = await answered(plain);
  await plain.close();

  const { page } = await openPage(browser, "www/icon.svg");
  await changeEngine(page, WRONG, RIGHT);
  await openPath(page, "?device=webgpu&check-gpu&threads=1");
  assertSame(await answered(page), right);
  assert.equal(await page.textContent("#device-note"), "Two kernels are wrong.");
  assert.match((await page.textContent("#device-name")) ?? "", /WebGPU/);

  await page.locator("#panel-model").evaluate((panel) => panel.setAttribute("open", ""));
  const loaded = page.waitForEvent("load");
  await page.click("#try-gpu");
  await loaded;
  // It is loaded as soon as the GPU is trusted.
  await page.waitForFunction(() => document.getElementById("model-name")?.textContent !== "none yet", undefined, { timeout: 300_000 });
  const kept = await page.evaluate(() => localStorage.getItem("graysam-gpu-check"));
  assert.deepEqual(JSON.parse(kept ?? "").check, WELL);
  assert.ok(await page.isHidden("#device-note"));
  assert.ok(await page.isHidden("#try-gpu"));
  assert.match((await page.textContent("#device-name")) ?? "", /WebGPU/);
});
