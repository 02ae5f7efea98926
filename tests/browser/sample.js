// The bundled sample's labels as the command line writes them, and masks as the page hands them over.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { decode } from "fast-png";

/** @typedef {{width: number, height: number, data: ArrayLike<number>}} Gray */
/** @typedef {{id: number, area: number, x: number, y: number, x0: number, y0: number, x1: number, y1: number}} LabelledObject */

/** The command line. @param {string[]} args @returns {string} what it prints */
export function graysam(args) {
  return execFileSync(process.env.GRAYSAM_BIN ?? "target/release/graysam", args, { encoding: "utf8" });
}

/** @returns {string} a new empty folder */
export function temporaryFolder() {
  return mkdtempSync(join(tmpdir(), "graysam-"));
}

/** A file of a tiny model, whose parameters are noise. */
export function tinyModel() {
  const model = join(temporaryFolder(), "tiny.safetensors");
  graysam(["noise", "--config", "tiny", "--out", model]);
  return model;
}

/** @returns {{imagePath: string, labelsPath: string, labels: Gray}} */
export function sample() {
  const folder = temporaryFolder();
  const imagePath = join(folder, "sample.png");
  const labelsPath = join(folder, "labels.png");
  graysam(["sample", "--image", imagePath, "--labels", labelsPath]);
  return { imagePath, labelsPath, labels: decode(readFileSync(labelsPath)) };
}

/** All objects, with the sums of their pixels' coordinates and their tight boxes. @param {Gray} labels @returns {LabelledObject[]} */
export function objectsOf(labels) {
  /** @type {Map<number, LabelledObject>} */
  const objects = new Map();
  for (let i = 0; i < labels.data.length; i++) {
    const id = labels.data[i];
    if (id === 0) continue;
    const [x, y] = [i % labels.width, Math.floor(i / labels.width)];
    const o = objects.get(id) ?? { id, area: 0, x: 0, y: 0, x0: x, y0: y, x1: x, y1: y };
    o.area += 1;
    o.x += x;
    o.y += y;
    o.x0 = Math.min(o.x0, x);
    o.y0 = Math.min(o.y0, y);
    o.x1 = Math.max(o.x1, x + 1);
    o.y1 = Math.max(o.y1, y + 1);
    objects.set(id, o);
  }
  return [...objects.values()];
}

/**
 * The largest object that touches neither the border nor another object, with its centroid and its tight box.
 * @param {Gray} labels @returns {LabelledObject}
 */
export function largestObject(labels) {
  const alone = objectsOf(labels).filter((o) => standsAlone(labels, o));
  const largest = alone.reduce((a, b) => (b.area > a.area ? b : a));
  return { ...largest, x: largest.x / largest.area, y: largest.y / largest.area };
}

/** The centroid of each object, from the largest on. @param {Gray} labels @returns {{x: number, y: number}[]} */
export function centres(labels) {
  const sorted = objectsOf(labels).sort((a, b) => b.area - a.area);
  return sorted.map(({ x, y, area }) => ({ x: x / area, y: y / area }));
}

/** Whether nothing else lies within ten pixels of the object's box. @param {Gray} labels @param {LabelledObject} object */
function standsAlone(labels, { id, x0, y0, x1, y1 }) {
  const margin = 10;
  if (x0 < margin || y0 < margin || x1 > labels.width - margin || y1 > labels.height - margin) return false;
  for (let y = y0 - margin; y < y1 + margin; y++) {
    for (let x = x0 - margin; x < x1 + margin; x++) {
      const other = labels.data[y * labels.width + x];
      if (other !== 0 && other !== id) return false;
    }
  }
  return true;
}

/** Intersection over union of a mask and a label. @param {Gray} mask @param {Gray} labels @param {number} id */
export function iou(mask, labels, id) {
  let [intersection, union] = [0, 0];
  for (let i = 0; i < labels.data.length; i++) {
    const [a, b] = [mask.data[i] > 0, labels.data[i] === id];
    if (a && b) intersection += 1;
    if (a || b) union += 1;
  }
  return intersection / union;
}

/** The mask that the page downloads. @param {import("playwright-core").Page} page @returns {Promise<Gray>} */
export async function downloadedMask(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-mask")]);
  const path = await download.path();
  assert.ok(path, "the mask is downloaded");
  const mask = decode(readFileSync(path));
  assert.ok(
    mask.data.some((value) => value === 255),
    "the mask is not empty",
  );
  return mask;
}
