// Every kind of image file, by every way into the page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { launch, openPage, waitState } from "./harness.js";
import { bmp, png, tiff } from "./image_files.js";

/** @typedef {import("./harness.js").Page} Page */
/** @typedef {"image/png" | "image/jpeg" | "image/webp"} CanvasType */

/** @type {import("./harness.js").Browser} */
let browser;
/** @type {Page} */
let page;
before(async () => {
  browser = await launch();
  ({ page } = await openPage(browser, "?device=cpu", { modules: true }));
  await waitState(page, "ready", 180_000);
});
after(() => browser.close());

/** Values from 0 to `last` that grow along the rows. @param {number} count @param {number} last */
function ramp(count, last) {
  return Array.from({ length: count }, (_, i) => (i * last) / (count - 1));
}

/** Waits for the image's line and returns what the page says of its values. @param {string} facts */
async function opened(facts) {
  try {
    await page.waitForFunction((wanted) => document.getElementById("image-facts")?.textContent === wanted, facts, {
      timeout: 60_000,
    });
  } catch (error) {
    const shown = [await page.textContent("#image-facts"), await page.textContent("#alert-text")];
    throw new Error(`The page did not show "${facts}" but ${JSON.stringify(shown)}`, { cause: error });
  }
  return page.textContent("#display-note");
}

/** @param {string} name @param {Buffer} buffer */
async function choose(name, buffer) {
  await page.setInputFiles("#image-file", { name, mimeType: "", buffer });
}

/** A file that the browser itself encodes: a black disc on white. @param {number} width @param {number} height @param {CanvasType} type */
async function fromCanvas(width, height, type) {
  const base64 = await page.evaluate(
    async ({ width, height, type }) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      if (!context) throw new Error("no canvas");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#000";
      context.arc(width / 2, height / 2, height / 4, 0, 7);
      context.fill();
      const blob = await canvas.convertToBlob({ type, quality: 1 });
      if (blob.type !== type) throw new Error(`the browser wrote ${blob.type}`);
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
    },
    { width, height, type },
  );
  return Buffer.from(base64, "base64");
}

test("PNG of 8 and 16 bits", async () => {
  await choose("eight.png", png(9, 5, Uint8Array.from(ramp(45, 220))));
  assert.equal(await opened("eight.png: 9 × 5, 8-bit grayscale"), "8-bit grayscale, values 0 to 220");
  await choose("sixteen.png", png(6, 11, Uint16Array.from(ramp(66, 40_000))));
  assert.equal(await opened("sixteen.png: 6 × 11, 16-bit grayscale"), "16-bit grayscale, values 0 to 40000");
});

test("TIFF of 8 and 16 bits and of floats", async () => {
  await choose("eight.tif", tiff(7, 3, Uint8Array.from(ramp(21, 200))));
  assert.equal(await opened("eight.tif: 7 × 3, 8-bit grayscale"), "8-bit grayscale, values 0 to 200");
  await choose("sixteen.tif", tiff(4, 8, Uint16Array.from(ramp(32, 65_000))));
  assert.equal(await opened("sixteen.tif: 4 × 8, 16-bit grayscale"), "16-bit grayscale, values 0 to 65000");
  const values = Float32Array.from(ramp(30, 3), (value) => value - 1.5);
  await choose("float.tiff", tiff(5, 6, values));
  assert.equal(await opened("float.tiff: 5 × 6, 32-bit float grayscale"), "32-bit float grayscale, values -1.500 to 1.500");
});

test("BMP, JPEG and WebP", async () => {
  await choose("rows.bmp", bmp(5, 4, Uint8Array.from(ramp(20, 190))));
  assert.equal(await opened("rows.bmp: 5 × 4, 8-bit grayscale"), "8-bit grayscale, values 0 to 190");
  await choose("disc.jpg", await fromCanvas(64, 48, "image/jpeg"));
  assert.equal(await opened("disc.jpg: 64 × 48, 8-bit grayscale"), "8-bit grayscale, values 0 to 255");
  await choose("disc.webp", await fromCanvas(50, 40, "image/webp"));
  assert.equal(await opened("disc.webp: 50 × 40, 8-bit grayscale"), "8-bit grayscale, values 0 to 255");
});

/** A file of tests/fixtures/make_image_files.py. @param {string} name */
function fixture(name) {
  return readFileSync(new URL(`../fixtures/files/${name}`, import.meta.url));
}

/** The window and its black and white points, and whether the display is inverted. */
function shownDisplay() {
  return page.evaluate(() => {
    const value = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (document.getElementById(id)).value;
    const invert = /** @type {HTMLInputElement} */ (document.getElementById("invert")).checked;
    return { window: value("window"), black: Number(value("black")), white: Number(value("white")), invert };
  });
}

test("DICOM, shown as the file says", async () => {
  await choose("ct.dcm", fixture("ct.dcm"));
  assert.equal(await opened("ct.dcm: 20 × 18, 32-bit float grayscale"), "32-bit float grayscale, values -1019 to 1231");
  assert.deepEqual(await shownDisplay(), { window: "file-0", black: -160, white: 239, invert: false });
  // MONOCHROME1, without a window.
  await choose("negative.dcm", fixture("twelve_bits.dcm"));
  assert.equal(await opened("negative.dcm: 20 × 18, 16-bit grayscale"), "16-bit grayscale, values 0 to 4000");
  const negative = await shownDisplay();
  assert.equal(negative.window, "percentile");
  assert.equal(negative.invert, true);
  await choose("after.png", png(9, 5, Uint8Array.from(ramp(45, 220))));
  await opened("after.png: 9 × 5, 8-bit grayscale");
  assert.equal((await shownDisplay()).invert, false);
});

test("a DICOM file's own displays are offered, and shown", async () => {
  const offered = () => page.$$eval("#window option", (options) => options.map(({ textContent }) => textContent).slice(4));
  await choose("windows.dcm", fixture("windows.dcm"));
  await opened("windows.dcm: 20 × 18, 16-bit grayscale");
  assert.deepEqual(await offered(), ["File: SOFT", "File: BONE"]);
  // LINEAR, PS3.3 C.11.2.1.2.1: centre 40 and width 80, then 120 and 60.
  assert.deepEqual(await shownDisplay(), { window: "file-0", black: 0, white: 79, invert: false });
  await page.selectOption("#window", { label: "File: BONE" });
  assert.deepEqual(await shownDisplay(), { window: "file-1", black: 90, white: 149, invert: false });
  await page.selectOption("#window", "minmax");
  assert.deepEqual(await shownDisplay(), { window: "minmax", black: 0, white: 250, invert: false });
  await choose("voi_lut.dcm", fixture("voi_lut.dcm"));
  await opened("voi_lut.dcm: 20 × 18, 16-bit grayscale");
  assert.deepEqual(await offered(), ["File: NORMAL"]);
  assert.equal((await shownDisplay()).window, "file-0");
  await choose("sigmoid.dcm", fixture("sigmoid.dcm"));
  await opened("sigmoid.dcm: 20 × 18, 16-bit grayscale");
  assert.deepEqual(await offered(), ["File: sigmoid 1 (centre 120, width 60)"]);
  await choose("plain.png", png(9, 5, Uint8Array.from(ramp(45, 220))));
  await opened("plain.png: 9 × 5, 8-bit grayscale");
  assert.deepEqual(await offered(), []);
});

test("the worker opens the page that it is asked for", async () => {
  const answers = await page.evaluate(
    async ({ bytes, calls }) => {
      /** @type {{EngineClient: typeof import("../../www/engine/client.js").EngineClient}} */
      const { EngineClient } = await import(new URL("www/engine/client.js", document.baseURI).href);
      const client = new EngineClient(() => {});
      const file = new Blob([new Uint8Array(bytes)]);
      await client.request("create", ["cpu"]);
      const answers = [];
      for (const wanted of calls) {
        answers.push(await client.request("openImage", [file, wanted]).catch((error) => error.message));
      }
      return answers;
    },
    { bytes: [...fixture("pages.tif")], calls: [0, 1, 2, 3] },
  );
  const told = answers.map((answer) => {
    const { width, height, kind, page, pages } = /** @type {import("../../www/engine/graysam.js").ImageInfo} */ (answer);
    return [width, height, kind, page, pages];
  });
  assert.deepEqual(told.slice(0, 3), [
    [20, 18, "8-bit grayscale", 0, 3],
    [9, 7, "32-bit float grayscale", 1, 3],
    [11, 5, "16-bit grayscale", 2, 3],
  ]);
  assert.match(String(answers[3]), /holds 3 pages, so there is no page 4\./);
});

/** Gives the page a drop or a paste with a file, as the browser would. @param {"drop" | "paste"} kind @param {string} name @param {Buffer} file */
async function handOver(kind, name, file) {
  await page.evaluate(
    ({ kind, name, bytes }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
      const options = { bubbles: true, cancelable: true };
      const target = document.body;
      if (kind === "paste") {
        target.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
        return;
      }
      target.dispatchEvent(new DragEvent("dragover", { ...options, dataTransfer: data }));
      if (!document.documentElement.classList.contains("dragging")) throw new Error("the page shows no drop target");
      const drop = new DragEvent("drop", { ...options, dataTransfer: data });
      target.dispatchEvent(drop);
      if (!drop.defaultPrevented) throw new Error("the browser would open the file instead of the page");
    },
    { kind, name, bytes: [...file] },
  );
}

test("a file dropped on the page", async () => {
  await handOver("drop", "dropped.png", png(12, 10, Uint8Array.from(ramp(120, 100))));
  await opened("dropped.png: 12 × 10, 8-bit grayscale");
  assert.equal(await page.evaluate(() => document.documentElement.classList.contains("dragging")), false);
});

test("a pasted image", async () => {
  await handOver("paste", "image.png", png(8, 14, Uint8Array.from(ramp(112, 100))));
  await opened("image.png: 8 × 14, 8-bit grayscale");
});

test("an image of another name than its kind", async () => {
  await choose("photo.bmp", png(3, 9, Uint8Array.from(ramp(27, 50))));
  await opened("photo.bmp: 3 × 9, 8-bit grayscale");
});
