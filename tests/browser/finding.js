// Labelling a few nuclei of the sample and finding the others, as a person does it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { decode } from "fast-png";

import { dragImage, waitState } from "./harness.js";
import { objectsOf, sample } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

export const LIMIT = 300_000;

/** Middle-sized nuclei that do not touch the border, far from each other in the list. @param {import("./sample.js").Gray} labels */
function examples(labels) {
  const inner = objectsOf(labels).filter(({ x0, y0, x1, y1 }) => x0 > 4 && y0 > 4 && x1 < labels.width - 4 && y1 < labels.height - 4);
  const sorted = inner.sort((a, b) => a.area - b.area);
  return [0.4, 0.5, 0.6].map((place) => sorted[Math.floor(place * sorted.length)]);
}

/** Labels an object by a box around it. @param {Page} page @param {import("./sample.js").LabelledObject} object */
async function label(page, { x0, y0, x1, y1 }) {
  const before = Number(await page.textContent("#object-count"));
  await dragImage(page, x0 - 1, y0 - 1, x1 + 1, y1 + 1);
  await waitState(page, "masked", LIMIT);
  await page.keyboard.press("Enter");
  await page.waitForFunction((count) => Number(document.getElementById("object-count")?.textContent) === count + 1, before);
}

/** Waits until nothing is searched any more. @param {Page} page */
export async function found(page) {
  await page.waitForFunction(() => document.documentElement.dataset.finding === "none", undefined, { timeout: LIMIT });
}

/** How many suggestions there are, and how many of them are shown. @param {Page} page */
export async function counts(page) {
  const text = (await page.textContent("#suggestion-facts")) ?? "";
  const [, all, shown] = /^(\d+) suggestions?, (\d+) shown$/.exec(text) ?? assert.fail(text);
  return { all: Number(all), shown: Number(shown) };
}

/** @param {Page} page */
export async function downloadedLabels(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
  return decode(readFileSync(await download.path()));
}

/** The sample with three nuclei labelled. @param {Page} page */
export async function labelThree(page) {
  const { labels, imagePath } = sample();
  await page.setInputFiles("#image-file", imagePath);
  await waitState(page, "encoded", LIMIT);
  for (const object of examples(labels)) await label(page, object);
  return { labels, imagePath };
}
