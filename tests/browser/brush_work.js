// Labelling by brush on small frames, which needs no model: what the tests of tabs and of killed pages work with.

import { readFileSync } from "node:fs";

import { launchWithProfile, openPath, toScreen } from "./harness.js";
import { png } from "./image_files.js";
import { temporaryFolder, tinyModel } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 60_000;
const [WIDTH, HEIGHT] = [320, 240];

/** Chromium with a profile of its own, whose pages load a tiny model in the default one's place. */
export async function launchForBrush() {
  const context = await launchWithProfile(temporaryFolder(), "block");
  const body = readFileSync(tinyModel());
  await context.route("**/models/mobile_sam.safetensors", (route) => route.fulfill({ body }));
  return context;
}

/** A tab with the page. @param {import("playwright-core").BrowserContext} context */
export async function openTab(context) {
  const page = await context.newPage();
  await openPath(page, "?device=cpu");
  await page.waitForFunction(() => document.getElementById("model-name")?.textContent?.includes("blocks"), undefined, { timeout: LIMIT });
  return page;
}

/** Another image for each number. @param {number} i */
export function frame(i) {
  const data = new Uint8Array(WIDTH * HEIGHT).map((_, at) => (at % WIDTH) / 2 + (Math.abs(Math.floor(at / WIDTH) - i) < 9 ? 90 : 0));
  return { name: `frame ${i}.png`, mimeType: "image/png", buffer: png(WIDTH, HEIGHT, data) };
}

/** Waits until an image is open with so many objects. @param {Page} page @param {string} name @param {number} objects */
export async function waitOpen(page, name, objects) {
  const isOpen = (/** @type {{name: string, objects: number}} */ { name, objects }) =>
    document.getElementById("image-facts")?.textContent?.startsWith(`${name}:`) &&
    document.getElementById("object-count")?.textContent === String(objects);
  await page.waitForFunction(isOpen, { name, objects }, { timeout: LIMIT });
}

/** Begins a stroke of the brush, of which each place is free for one. @param {Page} page @param {number} place */
export async function beginStroke(page, place) {
  await page.click("#tool-draw");
  await page.fill("#brush-size", "5");
  const at = await toScreen(page, 20 + 40 * (place % 7), 20 + 15 * Math.floor(place / 7));
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  await page.mouse.move(at.x + 20, at.y, { steps: 2 });
}

/** Draws an object. @param {Page} page @param {number} place */
export async function draw(page, place) {
  await beginStroke(page, place);
  await page.mouse.up();
}

/** The numbers of objects that are stored, by the images' names. @param {Page} page @returns {Promise<Record<string, number>>} */
export function storedObjects(page) {
  return page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
    const read = async (/** @type {string} */ file) => (await folder.getFileHandle(file)).getFile();
    const { images } = JSON.parse(await (await read("project.json")).text());
    /** @type {Record<string, number>} */
    const counts = {};
    for (const { id, name } of images) {
      const file = await read(`${id}.objects`).catch(() => undefined);
      if (!file) continue;
      const [length] = new Uint32Array(await file.slice(0, 4).arrayBuffer());
      counts[name] = JSON.parse(await file.slice(4, 4 + length).text()).length;
    }
    return counts;
  });
}

/** Waits until an image's objects are stored. @param {Page} page @param {string} name @param {number} objects */
export async function waitStored(page, name, objects) {
  // A file may be missing yet, or be replaced while it is read.
  while ((await storedObjects(page).catch(() => undefined))?.[name] !== objects) await page.waitForTimeout(50);
}

/** The alert's sentence, which is dismissed. @param {Page} page */
export async function alertText(page) {
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  const text = (await page.textContent("#alert-text")) ?? "";
  await page.click("#dismiss-alert");
  return text;
}
