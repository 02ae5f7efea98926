// Labelling, as a person does it: accept masks, correct them, open label images, come back another day.

import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { decode } from "fast-png";

import { changeEngine, clickImage, dragImage, launch, openPage, toScreen, waitState } from "./harness.js";
import { png } from "./image_files.js";
import { downloadedMask, graysam, iou, largestObject, sample, temporaryFolder } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */
/** @typedef {import("./sample.js").Gray} Gray */

const LIMIT = 180_000;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page with the sample open. */
async function openSample() {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  return { page, observed };
}

/** @param {Page} page */
async function objectCount(page) {
  return Number(await page.textContent("#object-count"));
}

/** @param {Page} page @param {number} count */
async function waitObjects(page, count) {
  await page.waitForFunction((wanted) => document.getElementById("object-count")?.textContent === wanted, String(count));
}

/** The labels that the page downloads. @param {Page} page @returns {Promise<Gray>} */
async function downloadedLabels(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
  const image = decode(readFileSync(await download.path()));
  assert.equal(image.depth, 16);
  return image;
}

/** @param {Gray} labels @param {number} x @param {number} y */
function at(labels, x, y) {
  return labels.data[Math.floor(y) * labels.width + Math.floor(x)];
}

/** @param {Gray} labels */
function labelledPixels(labels) {
  return Array.from(labels.data).filter((id) => id > 0).length;
}

/** The sentence of the alert, which is then dismissed. @param {Page} page */
async function alertText(page) {
  await page.waitForSelector("#alert:not([hidden])");
  const sentence = (await page.textContent("#alert-text")) ?? "";
  assert.match(sentence, /^[A-Z\d].*\.$/, "it is a sentence");
  await page.click("#dismiss-alert");
  return sentence;
}

/** @param {Page} page @param {string} name @param {Buffer} buffer */
async function chooseLabels(page, name, buffer) {
  await page.setInputFiles("#label-file", { name, mimeType: "", buffer });
}

/** The text of the training set's list. @param {Page} page */
function trainingSet(page) {
  return page.locator("#training-set .item-title").allInnerTexts();
}

/** Waits until the labels that are stored are these. @param {Page} page @param {number} pixels labelled ones */
async function waitStored(page, pixels) {
  const stored = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
      const { images } = JSON.parse(await (await (await folder.getFileHandle("project.json")).getFile()).text());
      const file = await (await folder.getFileHandle(`${images[0].id}.objects`)).getFile();
      const [length] = new Uint32Array(await file.slice(0, 4).arrayBuffer());
      const runs = new Uint32Array(await file.slice(4 + length).arrayBuffer());
      return runs.reduce((sum, value, i) => (i % 2 && value ? sum + runs[i - 1] : sum), 0);
    });
  // A file may be missing yet, or be replaced while it is read.
  while ((await stored().catch(() => -1)) !== pixels) await page.waitForTimeout(100);
}

/** Waits until the open image's thumbnail, the last of what is stored without a deed, is. @param {import("./harness.js").Page} page */
async function waitThumbnail(page) {
  const stored = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
      const { images } = JSON.parse(await (await (await folder.getFileHandle("project.json")).getFile()).text());
      return (await (await folder.getFileHandle(`${images[0].id}.thumbnail`)).getFile()).size > 0;
    });
  while (!(await stored().catch(() => false))) await page.waitForTimeout(100);
  await page.waitForTimeout(500);
}

test("a mask is accepted as an object, corrected with brush and eraser, and had back by undo", async () => {
  const { page, observed } = await openSample();
  const { labels } = sample();
  const object = largestObject(labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const mask = await downloadedMask(page);
  const view = await toScreen(page, object.x, object.y);
  await page.focus("#canvas");
  await page.keyboard.press("Enter");
  await waitState(page, "encoded");
  assert.equal(await objectCount(page), 1);
  assert.ok(await page.isDisabled("#undo"), "its prompts are cleared");
  assert.deepEqual(await toScreen(page, object.x, object.y), view, "the view is kept");
  const accepted = await downloadedLabels(page);
  assert.deepEqual(
    Array.from(accepted.data),
    Array.from(mask.data, (value) => (value ? 1 : 0)),
  );
  assert.ok(iou(accepted, labels, object.id) > 0.8);

  await page.keyboard.press("e");
  await page.fill("#brush-size", "9");
  await dragImage(page, object.x - 5, object.y, object.x + 5, object.y);
  const erased = await downloadedLabels(page);
  assert.deepEqual([at(erased, object.x, object.y), at(erased, object.x + 5, object.y)], [0, 0]);
  // 10 to 11 pixels of way and 9 pixels of brush, less the round corners.
  const lost = labelledPixels(accepted) - labelledPixels(erased);
  assert.ok(lost > 120 && lost < 200, `${lost} pixels are erased`);

  await page.keyboard.press("d");
  await dragImage(page, object.x0 - 6, object.y0 - 6, object.x0 - 2, object.y0 - 6);
  assert.equal(await objectCount(page), 2, "a stroke that begins on background is another object");
  const drawn = await downloadedLabels(page);
  assert.equal(at(drawn, object.x0 - 6, object.y0 - 6), 2);

  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+z");
  assert.deepEqual((await downloadedLabels(page)).data, accepted.data);
  await page.keyboard.press("Control+z");
  assert.equal(await objectCount(page), 0);
  assert.deepEqual(observed.errors, []);
});

/** Resolves once the state was "predicting", however shortly. @param {import("./harness.js").Page} page */
function becomesPredicting(page) {
  return page.evaluate(
    () =>
      new Promise((/** @type {(value: undefined) => void} */ resolve) => {
        const root = document.documentElement;
        const watch = new MutationObserver(() => root.dataset.state === "predicting" && resolve(undefined));
        watch.observe(root, { attributes: true });
      }),
  );
}

test("brush and eraser correct the mask itself, and the correction outlasts a further prompt", async () => {
  const { page } = await openSample();
  const object = largestObject(sample().labels);
  const corner = { x: object.x0 - 8, y: object.y0 - 8 };
  await dragImage(page, object.x0, object.y0, object.x1, object.y1);
  await waitState(page, "masked");
  const predicted = await downloadedMask(page);
  assert.deepEqual([at(predicted, corner.x, corner.y), at(predicted, object.x, object.y)], [0, 255]);

  await page.keyboard.press("d");
  await dragImage(page, corner.x - 3, corner.y, corner.x + 3, corner.y);
  await page.keyboard.press("e");
  await dragImage(page, object.x - 1, object.y, object.x + 1, object.y);
  await page.keyboard.press("p");
  const predicting = becomesPredicting(page);
  await clickImage(page, object.x, object.y);
  await predicting;
  await waitState(page, "masked");
  const corrected = await downloadedMask(page);
  assert.deepEqual([at(corrected, corner.x, corner.y), at(corrected, object.x, object.y)], [255, 0]);

  const takenBack = becomesPredicting(page);
  await page.keyboard.press("Control+z");
  await takenBack;
  await waitState(page, "masked");
  await page.keyboard.press("Control+z");
  const restored = await downloadedMask(page);
  assert.deepEqual([at(restored, corner.x, corner.y), at(restored, object.x, object.y)], [255, 255]);
  await page.focus("#canvas");
  await page.keyboard.press("Enter");
  await waitState(page, "encoded");
  assert.deepEqual(
    Array.from((await downloadedLabels(page)).data),
    Array.from(restored.data, (value) => (value ? 1 : 0)),
  );
});

test("a mask takes free pixels only, and Delete removes an object", async () => {
  const { page } = await openSample();
  const object = largestObject(sample().labels);
  const click = async () => {
    await clickImage(page, object.x, object.y);
    await waitState(page, "masked");
  };
  await click();
  await page.click("#accept-mask");
  await waitState(page, "encoded");
  const first = await downloadedLabels(page);
  await click();
  await page.keyboard.press("Enter");
  assert.match(await alertText(page), /belong to labelled objects already/);
  await page.keyboard.press("Escape");
  await waitState(page, "encoded");

  await dragImage(page, object.x0 - 6, object.y0 - 6, object.x1 + 6, object.y1 + 6);
  await waitState(page, "masked");
  await page.keyboard.press("d");
  await dragImage(page, object.x, object.y, object.x0 - 8, object.y0 - 8);
  await page.keyboard.press("Enter");
  await waitState(page, "encoded");
  const second = await downloadedLabels(page);
  assert.equal(at(second, object.x0 - 8, object.y0 - 8), 2);
  Array.from(first.data).forEach((id, i) => id && assert.equal(second.data[i], 1, "labelled pixels stay"));

  const point = await toScreen(page, object.x, object.y);
  await page.mouse.move(point.x, point.y);
  await page.keyboard.press("Delete");
  await waitObjects(page, 1);
  assert.ok(!Array.from((await downloadedLabels(page)).data).includes(1));
});

test("the sample's label image opens, comes back after a reload, and is downloaded as it was", async () => {
  const { page, observed } = await openSample();
  const folder = temporaryFolder();
  const [imagePath, labelsPath] = [join(folder, "sample.png"), join(folder, "labels.png")];
  graysam(["sample", "--image", imagePath, "--labels", labelsPath]);
  const labels = decode(readFileSync(labelsPath));
  const objects = new Set(Array.from(labels.data).filter(Boolean)).size;
  await chooseLabels(page, "labels.png", readFileSync(labelsPath));
  await waitObjects(page, objects);
  assert.deepEqual(Array.from((await downloadedLabels(page)).data), Array.from(labels.data));

  await page.setInputFiles("#image-file", imagePath);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("sample.png"));
  await waitObjects(page, 0);
  await chooseLabels(page, "labels.png", readFileSync(labelsPath));
  await waitObjects(page, objects);
  await page.selectOption("#window", "full");
  assert.deepEqual(await trainingSet(page), [`sample\n${objects} objects`, `sample.png\n${objects} objects`]);
  const choices = () => page.locator("#training-set select").evaluateAll((selects) => selects.map((s) => Reflect.get(s, "value")));
  assert.deepEqual(await choices(), ["training", "held-out"]);
  await page.selectOption("#training-set li:nth-child(2) select", "training");
  await page.selectOption("#training-set li:nth-child(1) select", "held-out");
  assert.deepEqual(await choices(), ["held-out", "training"]);
  await page.selectOption("#training-set li:nth-child(2) select", "held-out");
  assert.match(await alertText(page), /At least one image has to stay in training/);
  assert.deepEqual(await choices(), ["held-out", "training"]);

  await page.waitForTimeout(1500);
  await page.reload();
  await page.waitForSelector("#training-set li:nth-child(2)");
  assert.deepEqual(await choices(), ["held-out", "training"]);
  // The page opens the last image by itself.
  await page.waitForSelector("#training-set li:nth-child(2) button:has-text('Shown')");
  await waitObjects(page, objects);
  assert.equal(await page.inputValue("#window"), "full", "its display comes back");
  assert.deepEqual(Array.from((await downloadedLabels(page)).data), Array.from(labels.data));

  // The file itself, opened again, is known.
  await page.click("#training-set li:nth-child(1) button:has-text('Open')");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("sample:"));
  assert.equal(await page.inputValue("#window"), "percentile");
  await page.setInputFiles("#image-file", imagePath);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("sample.png"));
  await waitObjects(page, objects);
  assert.equal((await trainingSet(page)).length, 2);
  assert.deepEqual(observed.errors, []);
  rmSync(folder, { recursive: true });
});

test("label images that do not fit are told and change nothing", async () => {
  const { page } = await openSample();
  const { labels } = sample();
  const { width, height } = labels;
  await page.click("#use-sample-labels");
  await waitObjects(page, new Set(Array.from(labels.data).filter(Boolean)).size);
  await chooseLabels(
    page,
    "small.png",
    png(
      8,
      8,
      Uint16Array.from({ length: 64 }, (_, i) => i),
    ),
  );
  assert.match(await alertText(page), new RegExp(`8 × 8.*${width} × ${height}|${width} × ${height}.*8 × 8`));
  await chooseLabels(page, "empty.png", png(width, height, new Uint16Array(width * height)));
  assert.match(await alertText(page), /empty|no object|background/i);
  await chooseLabels(page, "text.png", Buffer.from("x,y\n1,2\n"));
  await alertText(page);
  assert.deepEqual(Array.from((await downloadedLabels(page)).data), Array.from(labels.data));
});

test("labels outlive a crash of the engine", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  const trap = `{
    let calls = 0;
    const original = Engine.prototype.labels_png;
    Engine.prototype.labels_png = function (...args) {
      if (++calls === 1) throw new WebAssembly.RuntimeError("memory access out of bounds");
      return original.apply(this, args);
    };
  }`;
  await changeEngine(page, trap);
  await page.goto(new URL("?device=cpu", process.env.GRAYSAM_URL).href);
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await page.click("#use-sample-labels");
  await page.waitForSelector("#training-set li");
  const count = await objectCount(page);
  await page.click("#download-labels");
  assert.match(await alertText(page), /^The engine crashed/);
  await waitState(page, "encoded", LIMIT);
  assert.equal(await objectCount(page), count);
  assert.deepEqual(Array.from((await downloadedLabels(page)).data), Array.from(sample().labels.data));
});

test("a page closed in the middle of a stroke loses that stroke at most", async () => {
  const { page } = await openSample();
  await page.keyboard.press("d");
  await page.fill("#brush-size", "5");
  await dragImage(page, 20, 20, 60, 20);
  const stored = labelledPixels(await downloadedLabels(page));
  const from = await toScreen(page, 20, 40);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 30, from.y, { steps: 3 });
  await waitStored(page, stored);
  const again = await page.context().newPage();
  await page.close();
  await again.goto(new URL("?device=cpu", process.env.GRAYSAM_URL).href);
  await waitObjects(again, 1);
  assert.equal(labelledPixels(await downloadedLabels(again)), stored);
});

test("full storage is told once, the labels stay, and are stored when there is room again", async () => {
  const { page } = await openSample();
  await waitThumbnail(page);
  const { origin } = new URL(page.url());
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1000 });
  await page.keyboard.press("d");
  await dragImage(page, 20, 20, 60, 20);
  assert.match(await alertText(page), /storage is full/);
  await dragImage(page, 20, 60, 60, 60);
  await page.waitForTimeout(1500);
  assert.ok(await page.isHidden("#alert"), "the next change does not tell it again");
  assert.ok(await page.isVisible("#labels-unsaved"));
  assert.equal(await objectCount(page), 2);

  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  await dragImage(page, 20, 100, 60, 100);
  await page.waitForSelector("#labels-unsaved", { state: "hidden" });
  await page.reload();
  await page.waitForSelector("#training-set li");
  assert.deepEqual(await trainingSet(page), ["sample\n3 objects"]);
});
