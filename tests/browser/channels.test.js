// The channels of an image, as the panel "Display" offers them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { launch, openPage, waitState } from "./harness.js";

/** @typedef {import("./harness.js").Page} Page */

/** @type {import("./harness.js").Browser} */
let browser;
/** @type {Page} */
let page;
before(async () => {
  browser = await launch();
  ({ page } = await openPage(browser, "?device=cpu"));
  await waitState(page, "ready", 180_000);
});
after(() => browser.close());

/** A file of tests/fixtures/make_image_files.py. @param {string} name */
async function choose(name) {
  const buffer = readFileSync(new URL(`../fixtures/files/${name}`, import.meta.url));
  await page.setInputFiles("#image-file", { name, mimeType: "", buffer });
}

/** Waits until an element has this text. @param {string} id @param {string} text */
async function shows(id, text) {
  try {
    await page.waitForFunction(({ id, text }) => document.getElementById(id)?.textContent === text, { id, text }, { timeout: 60_000 });
  } catch (error) {
    throw new Error(`#${id} shows "${await page.textContent(`#${id}`)}", not "${text}"`, { cause: error });
  }
}

/** @param {string} id */
function optionsOf(id) {
  return page.$$eval(`#${id} option`, (options) => options.map(({ textContent }) => textContent));
}

test("an image of one channel offers no choice", async () => {
  await choose("signed.tif");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("signed.tif"));
  assert.equal(await page.isVisible("#channels"), false);
});

test("a stack's page is shown in the other channel of its slice and frame, and as a composite, and back", async () => {
  // Pages go through three slices, two channels and two frames; their values are 9 × pattern(6 × frame + 2 × slice + channel).
  await choose("hyperstack_ome.tif");
  const facts = "hyperstack_ome.tif, page 1 of 12 (channel 1, slice 1, frame 1): 20 × 18, 16-bit grayscale, 250 × 500 nm a pixel";
  await shows("image-facts", facts);
  await page.click("#page-next");
  const second = facts.replace("page 1", "page 2").replace("slice 1", "slice 2");
  await shows("image-facts", second);
  await shows("display-note", "16-bit grayscale, values 0 to 2241");
  assert.deepEqual(await optionsOf("channels"), ["As in the file", "DAPI", "Actin", "Composite"]);
  assert.equal(await page.isVisible("#channel-red"), false);
  await page.selectOption("#channels", "1");
  await shows("display-note", "16-bit grayscale, values 0 to 2250");
  await page.selectOption("#channels", "composite");
  await shows("image-facts", second.replace("16-bit grayscale", "several channels"));
  assert.deepEqual(await optionsOf("channel-blue"), ["None", "DAPI", "Actin"]);
  assert.deepEqual(await Promise.all(["red", "green", "blue"].map((colour) => page.inputValue(`#channel-${colour}`))), ["0", "1", ""]);
  await page.selectOption("#channel-green", "");
  assert.ok(await page.isDisabled("#channel-red option:first-child"), "one channel has to be there");
  await waitState(page, "encoded", 60_000);
  for (const label of ["several channels", "16-bit grayscale"]) {
    await page.click("#undo-label");
    await page.waitForFunction((kind) => document.getElementById("image-facts")?.textContent?.includes(kind), label);
  }
  await page.click("#undo-label");
  await shows("display-note", "16-bit grayscale, values 0 to 2241");
  await waitState(page, "encoded", 60_000);
});

test("the scale bar follows the zoom and the size of a pixel, which the person may set", async () => {
  const bar = (/** @type {string} */ text) =>
    page.waitForFunction((wanted) => document.getElementById("canvas")?.dataset.scaleBar === wanted, text);
  await choose("hyperstack_ome.tif");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.endsWith("250 × 500 nm a pixel"));
  assert.deepEqual([await page.inputValue("#pixel-size"), await page.inputValue("#pixel-unit")], ["250", "nm"]);
  // On a screen of ratio 1, 140 pixels of the screen are 35 µm.
  await page.click("#zoom-actual");
  await bar("20 µm");
  await page.fill("#pixel-size", "2");
  await page.dispatchEvent("#pixel-size", "change");
  await bar("200 nm");
  assert.match((await page.textContent("#image-facts")) ?? "", /2 × 4 nm a pixel$/);
  await page.uncheck("#scale-bar");
  await bar("");
  await page.check("#scale-bar");
  await page.fill("#pixel-size", "");
  await page.dispatchEvent("#pixel-size", "change");
  await bar("20 µm");
  assert.equal(await page.inputValue("#pixel-size"), "250");
});

test("a colour image is shown in one of its colours", async () => {
  await choose("rgb.dcm");
  await shows("display-note", "A colour image is shown and encoded as it is.");
  assert.deepEqual(await optionsOf("channels"), ["As in the file", "Red", "Green", "Blue", "Composite"]);
  await page.selectOption("#channels", "1");
  await page.waitForFunction(() => document.getElementById("display-note")?.textContent?.startsWith("8-bit grayscale"));
  assert.ok(await page.isEnabled("#window"));
});
