// A training on WebGPU, on Chromium's software adapter, of a tiny model.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, launch, openPage, openPath, openSampleWith } from "../harness.js";
import { png } from "../image_files.js";
import { sample, tinyModel } from "../sample.js";

/** @type {import("../harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Appended to the engine's module: the GPU is lost in the midst of a training. */
const LOSS = `{
  let device;
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    device = await request.call(this, descriptor);
    return device;
  };
  const original = Engine.prototype.train;
  Engine.prototype.train = async function () {
    const report = await original.call(this);
    if (report.step === 1) device.destroy();
    return report;
  };
}`;

test("a tiny model trains on WebGPU, and goes on when the GPU was lost", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  await changeEngine(page, LOSS);
  await openPath(page, "?device=webgpu");
  await openSampleWith(page, tinyModel());
  const { labels } = sample();
  const ids = Uint16Array.from(labels.data, (id) => (id <= 3 ? id : 0));
  const buffer = png(labels.width, labels.height, ids);
  await page.setInputFiles("#label-file", { name: "labels.png", mimeType: "image/png", buffer });
  await page.click("#training-details summary");
  await page.fill("#training-steps", "2");
  await page.click("#train");
  await page.waitForSelector("#alert:not([hidden])", { timeout: 300_000 });
  assert.match((await page.textContent("#alert-text")) ?? "", /^The engine crashed \(the GPU was lost\)/);
  await page.waitForFunction(() => document.documentElement.dataset.training === "done", undefined, { timeout: 300_000 });
  assert.match((await page.textContent("#device-name")) ?? "", /WebGPU/);
});
