// A large image in the viewer: what is painted, what the screen shows, and how much memory it takes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, openPage, toScreen, waitState } from "./harness.js";
import { tiff } from "./image_files.js";

/** @typedef {import("./harness.js").Page} Page */
/** @typedef {{x: number, y: number}} Point */

const SIDE = 10_000;
/** Pixels of a square of one gray. */
const SQUARE = 16;
/** Of the page's own memory and the engine's, which holds file and image once each, in bytes a pixel. */
const PAGE_BYTES = 3;
const ENGINE_BYTES = 8;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The gray at a pixel: squares of 0 to 255 that grow to the right and differ from row to row. @param {number} x @param {number} y */
function grayAt(x, y) {
  return (Math.floor(x / SQUARE) + 7 * Math.floor(y / SQUARE)) % 256;
}

/** A smooth image, so that its coarse levels can be told too. @param {number} x @param {number} y */
function slopeAt(x, y) {
  return Math.floor(((x + y) * 256) / (2 * SIDE));
}

/** @param {(x: number, y: number) => number} gray */
function square(gray) {
  const data = new Uint8Array(SIDE * SIDE);
  for (let y = 0, i = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++, i++) data[i] = gray(x, y);
  return tiff(SIDE, SIDE, data);
}
