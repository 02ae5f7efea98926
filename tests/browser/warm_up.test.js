// The warm-up of a GPU, which a test's machine lacks: the CPU device is taken for one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { downloadedMask, iou, largestObject, sample } from "./sample.js";

/** Appended to the engine's module. */
const GPU = `{
  const info = Engine.prototype.device_info;
  Engine.prototype.device_info = function () {
    return { ...info.call(this), gpu: true };
  };
  // There is none to be checked.
  Engine.prototype.check_device = async () => {
    return { avoided: [], usable: true, note: null, tiles: { single: "128 × 64", half: "128 × 64" } };
  };
  const original = Engine.prototype.warm_up;
  Engine.prototype.warm_up = async function () {
    console.log("warm-up begins");
    await original.call(this);
    console.log("warm-up ends");
  };
}`;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("an image that is opened breaks the warm-up off", async () => {
  const { page, observed } = await openPage(browser, "www/icon.svg");
  await changeEngine(page, GPU);
  const begins = page.context().waitForEvent("console", (message) => message.text() === "warm-up begins");
  const ends = page.context().waitForEvent("console", (message) => message.text() === "warm-up ends");
  await openPath(page, "?device=cpu");
  await begins;
  assert.equal(await page.getAttribute("html", "data-state"), "ready");
  await page.click("#open-sample");
  await ends;
  await waitState(page, "encoded", 180_000);
  const { labels } = sample();
  const object = largestObject(labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  assert.ok(iou(await downloadedMask(page), labels, object.id) > 0.8);
  assert.deepEqual(observed.errors, []);
});
