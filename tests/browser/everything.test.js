// The search for all objects, as a person runs it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { decode } from "fast-png";

import { clickImage, launch, openPage, waitState } from "./harness.js";
import { largestObject, sample } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 240_000;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page with the sample open and a small grid. @param {string} points */
async function openSample(points) {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await page.click("#everything-details summary");
  await page.fill("#everything-points", points);
  return { page, observed };
}

/** @param {Page} page */
async function downloadedLabels(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
  return decode(readFileSync(await download.path()));
}

/** The IoU of each object that was found with the label that it covers most. @param {ArrayLike<number>} found @param {ArrayLike<number>} labels */
function agreement(found, labels) {
  const counts = () => /** @type {Map<number, number>} */ (new Map());
  const [areas, trueAreas, common] = [counts(), counts(), counts()];
  const add = (/** @type {Map<number, number>} */ map, /** @type {number} */ key) => map.set(key, (map.get(key) ?? 0) + 1);
  for (let i = 0; i < found.length; i++) {
    if (found[i]) add(areas, found[i]);
    if (labels[i]) add(trueAreas, labels[i]);
    if (found[i] && labels[i]) add(common, found[i] * 65536 + labels[i]);
  }
  return [...areas].map(([id, area]) => {
    const ious = [...common]
      .filter(([pair]) => Math.floor(pair / 65536) === id)
      .map(([pair, both]) => both / (area + (trueAreas.get(pair % 65536) ?? 0) - both));
    return Math.max(0, ...ious);
  });
}

test("the sample's nuclei are found, a click is answered meanwhile, and all is one deed", async () => {
  const { page, observed } = await openSample("8");
  await page.fill("#everything-share", "5");
  await page.click("#find-everything");
  await page.waitForSelector("#everything-progress:not([hidden])");
  const object = largestObject(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  assert.ok(await page.isVisible("#everything-progress"), "the search goes on after the click");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#find-everything:not([hidden])", { timeout: LIMIT });
  const count = Number(await page.textContent("#object-count"));
  assert.ok(count > 20, `${count} objects`);
  const ious = agreement((await downloadedLabels(page)).data, sample().labels.data);
  const good = ious.filter((iou) => iou > 0.7).length;
  console.log(`${good} of ${count} objects have an IoU over 0.7 with a nucleus`);
  assert.ok(good >= 0.7 * count);
  assert.match((await page.textContent("#objects .object-title")) ?? "", /Object/);

  await page.keyboard.press("Control+z");
  assert.equal(await page.textContent("#object-count"), "0");
  await page.keyboard.press("Control+Shift+z");
  assert.equal(await page.textContent("#object-count"), String(count));
  assert.deepEqual(observed.errors, []);
});

test("a search is cancelled, ended by another image, and refuses bad settings", async () => {
  const { page } = await openSample("16");
  await page.fill("#everything-iou", "7");
  await page.click("#find-everything");
  assert.match((await page.textContent("#alert-text")) ?? "", /“Least predicted IoU” must be a number from 0 to 1\./);
  await page.click("#dismiss-alert");
  await page.fill("#everything-iou", "0.88");
  await page.click("#find-everything");
  await page.waitForFunction(() => /** @type {HTMLProgressElement} */ (document.getElementById("everything-bar")).value > 0);
  await page.click("#cancel-everything");
  await page.waitForSelector("#find-everything:not([hidden])");
  assert.equal(await page.textContent("#object-count"), "0");

  await page.click("#find-everything");
  await page.click("#open-sample");
  await page.waitForSelector("#alert:not([hidden])");
  assert.match((await page.textContent("#alert-text")) ?? "", /search for objects was ended, because another image was opened/);
  await waitState(page, "encoded", LIMIT);
  assert.ok(await page.isEnabled("#find-everything"));
});
