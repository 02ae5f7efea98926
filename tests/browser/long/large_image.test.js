// Clicks in many parts of a large image: as good and as quick as in a small one, and in little memory.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { clickImage, launch, waitState, zoomTo } from "../harness.js";
import { mosaicOf, opened, twenty } from "../mosaic.js";
import { downloadedMask, iou, sample } from "../sample.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../sample.js").Gray} Gray */

/** @type {import("../harness.js").Browser} */
let browser;
let mosaic = "";
/** @type {Gray} */
let labels;
before(async () => {
  browser = await launch();
  mosaic = mosaicOf(4096);
  labels = sample().labels;
});
after(() => browser.close());

/**
 * Clicks each object; the masks' IoUs with the labels.
 * @param {Page} page @param {{id: number, x: number, y: number}[]} objects @param {{x: number, y: number}} origin of the sample in the image
 * @param {number} [extent] pixels of the image that are in view about each; by default all of it
 */
async function clickedIous(page, objects, origin, extent) {
  const ious = [];
  for (const { id, x, y } of objects) {
    if (extent) await zoomTo(page, origin.x + x, origin.y + y, extent);
    await clickImage(page, origin.x + x, origin.y + y);
    await waitState(page, "masked", 60_000);
    ious.push(iou(moved(await downloadedMask(page), origin), labels, id));
    await page.keyboard.press("Escape");
    await waitState(page, "encoded");
  }
  return ious;
}

/** A mask of a large image where the sample lies in it. @param {Gray} mask @param {{x: number, y: number}} origin @returns {Gray} */
function moved(mask, origin) {
  const { width, height } = labels;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (origin.y + y) * mask.width + origin.x;
    for (let x = 0; x < width; x++) data[y * width + x] = mask.data[from + x];
  }
  return { width, height, data };
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test("clicks on a large image that is looked at closely find what clicks on a small one find", async () => {
  const { imagePath } = sample();
  const objects = twenty(labels);
  const small = await opened(browser, imagePath);
  const wanted = await clickedIous(small.page, objects, { x: 0, y: 0 });
  await small.page.context().close();

  // The third copy across and down.
  const origin = { x: 2 * labels.width, y: 3 * labels.height };
  const { page, observed } = await opened(browser, mosaic);
  const found = await clickedIous(page, objects, origin, 500);
  console.log(`mean IoU of twenty clicks: ${mean(found).toFixed(3)}, in the sample as it is ${mean(wanted).toFixed(3)}`);
  assert.ok(mean(found) >= mean(wanted) - 0.02);
  assert.deepEqual(observed.errors, []);
  await page.context().close();
});

test("a second click in a part is answered as on a small image", async () => {
  const [object] = twenty(labels);
  const times = async (/** @type {Page} */ page, /** @type {{x: number, y: number}} */ origin) => {
    // It would have the answer before the click, and is switched on by itself unless the person has chosen.
    await page.check("#preview");
    await page.uncheck("#preview");
    const answers = [];
    for (let i = 0; i < 31; i++) {
      // At another pixel than before.
      await clickImage(page, origin.x + object.x + (i % 4), origin.y + object.y);
      await waitState(page, "masked", 60_000);
      answers.push(Number(/in (\d+) ms/.exec((await page.textContent("#status")) ?? "")?.[1]));
      await page.keyboard.press("Escape");
      await waitState(page, "encoded");
    }
    // The first is the one that has the part encoded.
    return answers.slice(1).sort((a, b) => a - b)[15];
  };
  const small = await opened(browser, sample().imagePath);
  const { page } = await opened(browser, mosaic);
  const origin = { x: labels.width, y: labels.height };
  await zoomTo(page, origin.x + object.x, origin.y + object.y, 500);
  const [alone, within] = [await times(small.page, { x: 0, y: 0 }), await times(page, origin)];
  console.log(`milliseconds of an answer: ${alone} on a small image, ${within} in a part of a large one`);
  assert.ok(within > 0 && alone > 0);
  assert.match((await page.textContent("#status")) ?? "", /Click an object/);
  await small.page.context().close();
  await page.context().close();
});

test("ten parts of a very large image take little memory", async () => {
  const { page } = await opened(browser, mosaicOf(10_000), 300_000);
  const memory = async () => Number(/, (\d+) MiB/.exec((await page.textContent("#status")) ?? "")?.[1]);
  /** @type {number[]} */
  const sizes = [];
  const [{ x, y }] = twenty(labels);
  for (let part = 0; part < 10; part++) {
    const at = { x: (part + 1) * labels.width + x, y: (part + 2) * labels.height + y };
    await zoomTo(page, at.x, at.y, 500);
    await clickImage(page, at.x, at.y);
    await waitState(page, "masked", 120_000);
    assert.match((await page.textContent("#status")) ?? "", /seen in a part/);
    sizes.push(await memory());
    await page.keyboard.press("Escape");
    await waitState(page, "encoded");
  }
  console.log(`MiB of the engine after each of ten parts: ${sizes.join(", ")}`);
  assert.ok(sizes[9] - sizes[0] <= 60);
  await page.context().close();
});
