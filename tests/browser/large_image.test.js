// Large images: what is looked at closely is seen closely by the model.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { decode, encode } from "fast-png";

import { changeEngine, clickImage, launch, openPage, waitState, zoomTo } from "./harness.js";
import { downloadedMask, graysam, iou, objectsOf, sample, temporaryFolder } from "./sample.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("./sample.js").Gray} Gray */

const SIDE = 4096;

/** @type {import("./harness.js").Browser} */
let browser;
/** The sample again and again in a square of 4096 pixels. */
let mosaic = "";
/** @type {Gray} */
let labels;
before(async () => {
  browser = await launch();
  const folder = temporaryFolder();
  mosaic = join(folder, "mosaic.png");
  graysam(["sample", "--mosaic", String(SIDE), "--image", mosaic, "--labels", join(folder, "labels.png")]);
  labels = sample().labels;
});
after(() => browser.close());

/** Opens an image file on the CPU device. @param {string} path */
async function opened(path, timeout = 180_000) {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", path);
  await waitState(page, "encoded", timeout);
  return { page, observed };
}

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

/** The twenty largest objects, each with its centroid. */
function twenty() {
  const largest = objectsOf(labels).sort((a, b) => b.area - a.area);
  return largest.slice(0, 20).map(({ id, x, y, area }) => ({ id, x: x / area, y: y / area }));
}

test("clicks on a large image that is looked at closely find what clicks on a small one find", async () => {
  const { imagePath } = sample();
  const objects = twenty();
  const small = await opened(imagePath);
  const wanted = await clickedIous(small.page, objects, { x: 0, y: 0 });
  await small.page.context().close();

  // The third copy across and down.
  const origin = { x: 2 * labels.width, y: 3 * labels.height };
  const { page, observed } = await opened(mosaic);
  const found = await clickedIous(page, objects, origin, 500);
  console.log(`mean IoU of twenty clicks: ${mean(found).toFixed(3)}, in the sample as it is ${mean(wanted).toFixed(3)}`);
  assert.ok(mean(found) >= mean(wanted) - 0.02);
  assert.deepEqual(observed.errors, []);
  await page.context().close();
});

test("a second click in a part is answered as on a small image", async () => {
  const [object] = twenty();
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
  const small = await opened(sample().imagePath);
  const { page } = await opened(mosaic);
  const origin = { x: labels.width, y: labels.height };
  await zoomTo(page, origin.x + object.x, origin.y + object.y, 500);
  const [alone, within] = [await times(small.page, { x: 0, y: 0 }), await times(page, origin)];
  console.log(`milliseconds of an answer: ${alone} on a small image, ${within} in a part of a large one`);
  assert.ok(within > 0 && alone > 0);
  assert.match((await page.textContent("#status")) ?? "", /Click an object/);
  await small.page.context().close();
  await page.context().close();
});

/** An image with a bright disc on a dark ground. @param {number} x @param {number} y @param {number} radius */
function disc(x, y, radius) {
  const data = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < data.length; i++) {
    const inside = Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y) < radius;
    data[i] = (inside ? 170 : 30) + ((i * 2654435761) >>> 28);
  }
  const path = join(temporaryFolder(), "disc.png");
  writeFileSync(path, encode({ width: SIDE, height: SIDE, data, depth: 8, channels: 1 }));
  const truth = Uint8Array.from({ length: data.length }, (_, i) => (Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y) < radius ? 1 : 0));
  return { path, truth: { width: SIDE, height: SIDE, data: truth } };
}

test("a large object is found from afar, and whole from close by", async () => {
  const [x, y, radius] = [1900, 2200, 700];
  const { path, truth } = disc(x, y, radius);
  const { page } = await opened(path);
  await clickImage(page, x, y);
  await waitState(page, "masked");
  const afar = iou(await downloadedMask(page), truth, 1);
  assert.doesNotMatch((await page.textContent("#status")) ?? "", /seen in a part/);
  await page.keyboard.press("Escape");
  // At its edge, of which only an arc is in view.
  await zoomTo(page, x + radius, y, 500);
  await clickImage(page, x + radius - 60, y);
  await waitState(page, "encoding");
  await page.screenshot({ path: "target/part.png" });
  await waitState(page, "masked", 120_000);
  const near = iou(await downloadedMask(page), truth, 1);
  console.log(`IoU of a disc of ${2 * radius} pixels: ${afar.toFixed(3)} from afar, ${near.toFixed(3)} from close by`);
  assert.ok(afar > 0.9 && near > 0.9);
  await page.context().close();
});

test("the encode of a part can be cancelled, and gone on with", async () => {
  const { page } = await opened(mosaic);
  await zoomTo(page, 2000, 2000, 500);
  await clickImage(page, 2000, 2000);
  await waitState(page, "encoding");
  assert.match((await page.textContent("#status")) ?? "", /Encoding a part of 512 × 512 pixels/);
  await page.click("#cancel");
  await waitState(page, "ready");
  await page.click("#encode");
  await waitState(page, "masked", 60_000);
  await page.context().close();
});

test("who comes back to a large image has nothing encoded again", async () => {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, serviceWorkers: "block" });
  const page = await context.newPage();
  /** @type {string[]} */
  const encodes = [];
  context.on("console", (message) => message.text().startsWith("encode:") && encodes.push(message.text()));
  const count =
    "const begun = Engine.prototype.encode; Engine.prototype.encode = function (progress) { console.log('encode:'); return begun.call(this, progress); };";
  await changeEngine(page, count, count);
  // Each further thread would load the module, too.
  const url = new URL("?device=cpu&threads=1", process.env.GRAYSAM_URL).href;
  await page.goto(url);
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", mosaic);
  await waitState(page, "encoded", 180_000);
  const [{ x, y }] = twenty();
  const at = { x: 3 * labels.width + x, y: 4 * labels.height + y };
  await zoomTo(page, at.x, at.y, 500);
  await clickImage(page, at.x, at.y);
  await waitState(page, "masked", 60_000);
  const mask = await downloadedMask(page);
  assert.ok(encodes.length >= 2, `${encodes.length} encodes`);
  await page.waitForTimeout(1000);
  const before = encodes.length;
  await page.reload();
  await waitState(page, "masked", 180_000);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
  assert.equal(encodes.length, before, "all embeddings were kept");
  await context.close();
});

test("ten parts of a very large image take little memory", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "scan.png");
  graysam(["sample", "--mosaic", "10000", "--image", path, "--labels", join(folder, "labels.png")]);
  const { page } = await opened(path, 300_000);
  const memory = async () => Number(/, (\d+) MiB/.exec((await page.textContent("#status")) ?? "")?.[1]);
  /** @type {number[]} */
  const sizes = [];
  const [{ x, y }] = twenty();
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
