// A day's work in short: many images with a few objects each, a reload in the middle, a full storage and a crash of the
// engine. Every object is there at the end.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, dragImage, launch, openPage, openPath } from "./harness.js";
import { png } from "./image_files.js";

/** @typedef {import("./harness.js").Page} Page */

const IMAGES = 200;
const OBJECTS = 2;
const [WIDTH, HEIGHT] = [96, 72];
const LIMIT = 120_000;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

function frames() {
  return Array.from({ length: IMAGES }, (_, frame) => {
    const pixels = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => 1000 + 30 * (i % WIDTH) + 7 * frame);
    return { name: `frame ${frame + 1}.png`, mimeType: "image/png", buffer: png(WIDTH, HEIGHT, pixels) };
  });
}

/** @param {Page} page @param {number} frame from 1 */
async function waitOpen(page, frame) {
  await page.waitForFunction(
    (name) => document.getElementById("image-facts")?.textContent?.startsWith(name),
    `frame ${frame}.png:`,
    { timeout: LIMIT },
  );
}

/** Draws the objects of the open image, and goes to the next. @param {Page} page @param {number} frame from 1 */
async function annotate(page, frame) {
  await waitOpen(page, frame);
  for (let object = 0; object < OBJECTS; object++) {
    const y = 10 + 20 * object;
    await dragImage(page, 10, y, 30 + (frame % 40), y);
  }
  await page.waitForFunction((count) => document.getElementById("object-count")?.textContent === count, String(OBJECTS));
  if (frame < IMAGES) await page.keyboard.press("n");
}

/** Objects of all images, by the list. @param {Page} page */
async function allObjects(page) {
  const texts = await page.locator("#images .thumbnail .note").allTextContents();
  return texts.reduce((sum, text) => sum + Number.parseInt(text, 10), 0);
}

/** Bytes of the page's JavaScript after a collection. @param {import("playwright-core").CDPSession} devtools */
async function heap(devtools) {
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  return usedSize;
}

/** @param {Page} page @param {number} count images whose objects are in the storage */
async function waitStored(page, count) {
  const stored = () =>
    page.evaluate(async (objects) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
      const { images } = JSON.parse(await (await (await folder.getFileHandle("project.json")).getFile()).text());
      let done = 0;
      for (const { id, width } of images) {
        if (!width) continue;
        const file = await (await folder.getFileHandle(`${id}.objects`)).getFile();
        const [length] = new Uint32Array(await file.slice(0, 4).arrayBuffer());
        const runs = new Uint32Array(await file.slice(4 + length).arrayBuffer());
        const found = new Set(runs.filter((value, i) => i % 2 && value));
        if (found.size === objects) done += 1;
      }
      return `${images.length} ${done}`;
    }, OBJECTS);
  while ((await stored().catch(() => "")) !== `${IMAGES} ${count}`) await page.waitForTimeout(300);
}

test("two hundred images keep every object over a reload, a full storage and a crash", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  // The engine fails once, when the page asks for something that the test chooses.
  await changeEngine(
    page,
    `{
      let failed = false;
      const original = Engine.prototype.labels_png;
      Engine.prototype.labels_png = function (...args) {
        if (failed) return original.apply(this, args);
        failed = true;
        throw new WebAssembly.RuntimeError("the device was lost");
      };
    }`,
  );
  await openPath(page, "?device=cpu");
  const devtools = await page.context().newCDPSession(page);
  await page.setInputFiles("#image-file", frames());
  await page.waitForFunction((count) => document.querySelectorAll("#images li").length === count, IMAGES);
  await waitOpen(page, 1);
  await page.click("#tool-draw");
  await page.fill("#brush-size", "5");
  await page.focus("#canvas");

  let early = 0;
  for (let frame = 1; frame <= 100; frame++) {
    await annotate(page, frame);
    if (frame === 50) early = await heap(devtools);
  }
  await waitStored(page, 100);
  await page.reload();
  await page.waitForFunction((count) => document.querySelectorAll("#images li").length === count, IMAGES, { timeout: LIMIT });
  await waitOpen(page, 101);
  assert.equal(await allObjects(page), 100 * OBJECTS);
  await page.click("#tool-draw");
  await page.fill("#brush-size", "5");
  await page.focus("#canvas");

  for (let frame = 101; frame <= 120; frame++) await annotate(page, frame);
  await page.click("#download-labels");
  await page.waitForSelector("#alert:not([hidden])");
  assert.match((await page.textContent("#alert-text")) ?? "", /^The engine crashed/);
  await page.click("#dismiss-alert");
  await page.focus("#canvas");

  const { origin } = new URL(page.url());
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1000 });
  for (let frame = 121; frame <= 130; frame++) await annotate(page, frame);
  assert.match((await page.textContent("#labels-unsaved")) ?? "", /storage is full/);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  if (await page.isVisible("#alert")) await page.click("#dismiss-alert");
  await page.focus("#canvas");
  for (let frame = 131; frame <= IMAGES; frame++) await annotate(page, frame);
  await waitStored(page, IMAGES);
  const late = await heap(devtools);
  console.log(`JavaScript's memory after 50 images ${(early / 2 ** 20).toFixed(1)} MiB, after 200 ${(late / 2 ** 20).toFixed(1)} MiB`);
  assert.ok(late < early + 8 * 2 ** 20, "the memory does not grow with the images");
  assert.equal(await allObjects(page), IMAGES * OBJECTS);
  await page.reload();
  await page.waitForFunction((count) => document.querySelectorAll("#images li").length === count, IMAGES, { timeout: LIMIT });
  assert.equal(await allObjects(page), IMAGES * OBJECTS);
});
