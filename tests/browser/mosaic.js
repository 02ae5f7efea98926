// A large image that is the sample again and again, and its objects.

import { join } from "node:path";

import { openPage, waitState } from "./harness.js";
import { graysam, objectsOf, temporaryFolder } from "./sample.js";

/** The sample again and again in a square of so many pixels: the image's path. @param {number} side */
export function mosaicOf(side) {
  const folder = temporaryFolder();
  const path = join(folder, "mosaic.png");
  graysam(["sample", "--mosaic", String(side), "--image", path, "--labels", join(folder, "labels.png")]);
  return path;
}

/** Opens an image file on the CPU device. @param {import("./harness.js").Browser} browser @param {string} path */
export async function opened(browser, path, timeout = 180_000) {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", path);
  await waitState(page, "encoded", timeout);
  return { page, observed };
}

/** The twenty largest objects, each with its centroid. @param {import("./sample.js").Gray} labels */
export function twenty(labels) {
  const largest = objectsOf(labels).sort((a, b) => b.area - a.area);
  return largest.slice(0, 20).map(({ id, x, y, area }) => ({ id, x: x / area, y: y / area }));
}
