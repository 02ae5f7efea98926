// A day's work in short: two hundred images with a few objects each, while the GPU is lost, the page is reloaded and
// the disk is full. Nothing that was drawn may be missing in the end, and memory may not grow with the images.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, launch, openPage, openPath, toScreen, waitState } from "../harness.js";
import { png } from "../image_files.js";
import { listedNotes } from "../image_list.js";
import { tinyModel } from "../sample.js";

/** @typedef {import("../harness.js").Page} Page */

const LIMIT = 180_000;
const [WIDTH, HEIGHT] = [320, 240];
const IMAGES = 200;
const OBJECTS = 3;
/** What memory may grow by from image 50 on: less than a byte for every pixel of the images in between. */
const SLACK = 4 << 20;

/** Appended to the engine's module: the GPU is lost when the page says so. */
const LOSS = `{
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await request.call(this, descriptor);
    new BroadcastChannel("lose the GPU").onmessage = () => device.destroy();
    return device;
  };
}`;

/** @type {import("../harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A slope with a stripe, another one in each image. @param {number} i */
function frame(i) {
  const data = new Uint8Array(WIDTH * HEIGHT).map((_, at) => (at % WIDTH) / 2 + (Math.abs(Math.floor(at / WIDTH) - i) < 9 ? 90 : 0));
  return { name: `frame ${i}.png`, mimeType: "image/png", buffer: png(WIDTH, HEIGHT, data) };
}

/** Waits until that image is open with so many objects. @param {Page} page @param {number} i @param {number} objects */
async function opened(page, i, objects) {
  const wanted = { name: `frame ${i}.png:`, objects: String(objects) };
  const isOpen = (/** @type {typeof wanted} */ { name, objects }) =>
    document.getElementById("image-facts")?.textContent?.startsWith(name) &&
    document.getElementById("object-count")?.textContent === objects;
  await page.waitForFunction(isOpen, wanted, { timeout: LIMIT }).catch(async (error) => {
    const now = await page.evaluate(() =>
      ["image-facts", "object-count", "status", "alert-text"].map((id) => document.getElementById(id)?.textContent),
    );
    throw new Error(`Not open is ${JSON.stringify(wanted)}, but ${JSON.stringify(now)}.`, { cause: error });
  });
}

/** Draws the objects of an image, each a stroke of the brush. @param {Page} page @param {number} i */
async function draw(page, i) {
  for (let object = 0; object < OBJECTS; object++) {
    const at = await toScreen(page, 40 + 80 * object, 30 + i);
    await page.mouse.move(at.x, at.y);
    await page.mouse.down();
    await page.mouse.move(at.x + 25, at.y, { steps: 2 });
    await page.mouse.up();
  }
  await opened(page, i, OBJECTS);
}

/** Draws in one image after another, from one that is open. @param {Page} page @param {number} first @param {number} last */
async function work(page, first, last) {
  for (let i = first; i <= last; i++) {
    await opened(page, i, 0);
    await draw(page, i);
    if (i < IMAGES) await page.keyboard.press("n");
  }
}

/** Bytes that the page holds: objects, what lies behind them, and the document. @param {Page} page */
async function pageBytes(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const usage = /** @type {Record<string, number>} */ (/** @type {unknown} */ (await devtools.send("Runtime.getHeapUsage")));
  await devtools.detach();
  return usage.usedSize + (usage.backingStorageSize ?? 0) + (usage.embedderHeapUsedSize ?? 0);
}

/** Bytes of the engine. @param {Page} page */
async function engineBytes(page) {
  await waitState(page, "encoded", LIMIT);
  const status = (await page.textContent("#status")) ?? "";
  return Number(/([\d.]+) MiB/.exec(status)?.[1]) * 2 ** 20;
}

/** Waits until the page says so, and dismisses it. @param {Page} page @param {string} beginning */
async function told(page, beginning) {
  const isTold = (/** @type {string} */ beginning) => document.getElementById("alert-text")?.textContent?.startsWith(beginning);
  await page.waitForFunction(isTold, beginning, { timeout: LIMIT });
  await page.click("#dismiss-alert");
}

/** Waits until an image's objects are stored, which takes seconds while a software GPU keeps all cores busy. @param {Page} page @param {number} i */
async function stored(page, i) {
  const count = () =>
    page.evaluate(async (name) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
      const read = async (/** @type {string} */ file) => (await folder.getFileHandle(file)).getFile();
      const { images } = JSON.parse(await (await read("project.json")).text());
      const { id } = images.find((/** @type {{name: string}} */ image) => image.name === name);
      const file = await read(`${id}.objects`);
      const [length] = new Uint32Array(await file.slice(0, 4).arrayBuffer());
      return JSON.parse(await file.slice(4, 4 + length).text()).length;
    }, `frame ${i}.png`);
  // A file may be missing yet, or be replaced while it is read.
  while ((await count().catch(() => -1)) !== OBJECTS) await page.waitForTimeout(50);
}

/** Puts a tiny model in the default one's place. @param {Page} page */
async function useTinyModel(page) {
  await page.waitForFunction(() => document.getElementById("model-name")?.textContent?.includes("MobileSAM"), undefined, {
    timeout: LIMIT,
  });
  await page.setInputFiles("#model-file", tinyModel());
  await page.waitForFunction(() => document.getElementById("model-name")?.textContent?.includes("4 blocks"), undefined, { timeout: LIMIT });
}

/** The GPU is lost, as by a new driver; the page says so and goes on. @param {Page} page */
async function loseGpu(page) {
  await page.evaluate(() => new BroadcastChannel("lose the GPU").postMessage(""));
  await told(page, "The engine crashed (the GPU was lost) and was started again");
  await page.focus("#canvas");
}

/** Chooses the brush. @param {Page} page */
async function takeBrush(page) {
  await page.click("#tool-draw");
  await page.fill("#brush-size", "9");
  await page.focus("#canvas");
}

test("two hundred images through a lost GPU, a reload and a full disk", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  await changeEngine(page, LOSS);
  await openPath(page, "?device=webgpu");
  await useTinyModel(page);
  await page.setInputFiles(
    "#image-file",
    Array.from({ length: IMAGES }, (_, i) => frame(i + 1)),
  );
  await takeBrush(page);
  await work(page, 1, 20);
  await opened(page, 21, 0);
  await loseGpu(page);
  await work(page, 21, 49);
  await opened(page, 50, 0);
  const held = [await pageBytes(page)];
  const engine = [await engineBytes(page)];
  await work(page, 50, 99);
  await opened(page, 100, 0);
  engine.push(await engineBytes(page));

  await draw(page, 100);
  await stored(page, 100);
  // The software GPU would take minutes for the default model, with which the page begins again.
  await openPath(page, "?device=cpu");
  await opened(page, 100, OBJECTS);
  await useTinyModel(page);
  await takeBrush(page);
  await page.keyboard.press("n");
  await opened(page, 101, 0);
  const cpuEngine = [await engineBytes(page)];
  await work(page, 101, 149);

  await opened(page, 150, 0);
  // The limit lasts as long as this session of the devtools.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(page.url()).origin, quotaSize: 1000 });
  await draw(page, 150);
  // What was being stored when the room ended may have failed first, and been told.
  await told(page, "The browser's storage is full, so the labels are lost");
  await page.focus("#canvas");
  await page.keyboard.press("n");
  await work(page, 151, 160);
  await opened(page, 161, 0);
  await devtools.detach();
  await work(page, 161, IMAGES);

  await opened(page, IMAGES, OBJECTS);
  held.push(await pageBytes(page));
  cpuEngine.push(await engineBytes(page));
  const megabytes = (/** @type {number[]} */ values) => values.map((value) => (value / 1e6).toFixed(1)).join(" to ");
  console.log(
    `MB: the page, image 50 and ${IMAGES}, ${megabytes(held)}; the engine before the reload ${megabytes(engine)}, after it ${megabytes(cpuEngine)}`,
  );
  for (const [first, last] of [held, engine, cpuEngine]) assert.ok(last < first + SLACK, "no more is held");
  assert.deepEqual(await listedNotes(page), Array(IMAGES).fill(`${OBJECTS} objects`));

  await stored(page, IMAGES);
  await page.reload();
  await opened(page, IMAGES, OBJECTS);
  assert.deepEqual(await listedNotes(page), Array(IMAGES).fill(`${OBJECTS} objects`), "and all of it is stored");
});
