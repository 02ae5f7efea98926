// The viewer: tiles by themselves, and an image of 10,000 × 10,000 pixels as a person sees it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { encode } from "fast-png";

import { dragImage, launch, openPage, toScreen, waitState } from "./harness.js";
import { tiff } from "./image_files.js";
import { temporaryFolder } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x: number, y: number, colour: number[]}} Shown the colour on the screen of a point of the image */

const SIDE = 10_000;
/** Between neighbours of the large image. */
const CONTRAST = 50;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A pixel of the large image: a slope from corner to corner under a chessboard. @param {number} x @param {number} y */
function grayAt(x, y) {
  return Math.floor((x + y) / 100) + CONTRAST * ((x + y) % 2);
}

function largeImage() {
  const data = new Uint8Array(SIDE * SIDE);
  for (let y = 0, i = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++, i++) data[i] = grayAt(x, y);
  const path = join(temporaryFolder(), "large.tif");
  writeFileSync(path, tiff(SIDE, SIDE, data));
  return path;
}

/** What the canvas shows at some of its pixels when all is painted. @param {Page} page @param {Point[]} places @returns {Promise<Shown[]>} */
async function shownAt(page, places) {
  await page.waitForSelector("#canvas[data-complete=true]");
  return page.locator("#canvas").evaluate((element, places) => {
    const canvas = /** @type {HTMLCanvasElement} */ (element);
    const [scale, left, top] = ["scale", "offsetX", "offsetY"].map((name) => Number(canvas.dataset[name]));
    const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    return places.map(({ x, y }) => {
      const at = 4 * (y * canvas.width + x);
      const imagePlace = (/** @type {number} */ place, /** @type {number} */ origin) => (place + 0.5 - origin) / scale;
      return { x: imagePlace(x, left), y: imagePlace(y, top), colour: [data[at], data[at + 1], data[at + 2]] };
    });
  }, places);
}

/** What the canvas shows at a pixel of the image. @param {Page} page @param {Point} point */
async function colourOf(page, { x, y }) {
  const at = await toScreen(page, x + 0.5, y + 0.5);
  const box = await page.locator("#canvas").boundingBox();
  assert.ok(box);
  const [{ colour }] = await shownAt(page, [{ x: Math.floor(at.x - box.x), y: Math.floor(at.y - box.y) }]);
  return colour;
}

/** Waits until a pixel of the image has this colour. @param {Page} page @param {Point} point @param {number[]} colour */
async function shows(page, point, colour) {
  let shown = await colourOf(page, point);
  for (let left = 200; left > 0 && String(shown) !== String(colour); left--) {
    await page.waitForTimeout(50);
    shown = await colourOf(page, point);
  }
  assert.deepEqual(shown, colour);
}

/** Whether a colour is on top of the gray there. @param {Page} page @param {Point} point */
async function tinted(page, point) {
  const [red, green, blue] = await colourOf(page, point);
  return red !== green || green !== blue;
}

/** @param {Page} page */
function viewOf(page) {
  return page.locator("#canvas").evaluate((canvas) => {
    const { scale, offsetX, offsetY } = /** @type {HTMLElement} */ (canvas).dataset;
    return { scale: Number(scale), x: Number(offsetX), y: Number(offsetY) };
  });
}

/** The most bytes that any page's process has held so far. */
async function peakMemory() {
  const client = await browser.newBrowserCDPSession();
  const { processInfo } = await client.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(readFileSync(`/proc/${id}/status`, "utf8").match(/VmHWM:\s*(\d+) kB/)?.[1]) * 1024);
  return Math.max(...peaks);
}

test("only the tiles in view are painted, a few a frame, and only those that a change meets again", async () => {
  const { page } = await openPage(browser, "www/icon.svg", { modules: true });
  const report = await page.evaluate(async (side) => {
    const address = new URL("/www/canvas/tiled_layer.js", location.href).href;
    /** @type {typeof import("../../www/canvas/tiled_layer.js")} */
    const { Allowance, TiledLayer } = await import(address);
    const context = new OffscreenCanvas(800, 600).getContext("2d");
    const canvas = /** @type {CanvasRenderingContext2D} */ (/** @type {unknown} */ (context));
    /** @type {{level: number, box: import("../../www/document/geometry.js").PixelBox}[]} */
    let painted = [];
    const layer = new TiledLayer(side, side, {
      paint(pixels, level, box) {
        painted.push({ level, box });
        pixels.fill(0xff0000ff);
        return true;
      },
    });
    /** Draws until all is there. @param {number} x @param {number} scale @param {number} milliseconds */
    const frames = (x, scale, milliseconds) => {
      const view = { scale, x: -x * scale, y: -2000 * scale, width: 800, height: 600 };
      const perFrame = [];
      for (let complete = false; !complete && perFrame.length < 100;) {
        painted = [];
        complete = layer.draw(canvas, view, new Allowance(milliseconds));
        perFrame.push(painted);
      }
      return perFrame;
    };
    const patient = 1e6;
    const slow = frames(2000, 1, 0);
    const corner = context?.getImageData(799, 599, 1, 1).data ?? [];
    const still = frames(2000, 1, patient).flat();
    const moved = frames(2100, 1, patient).flat();
    layer.invalidate({ x0: 2200, y0: 2100, x1: 2210, y1: 2105 });
    const changed = frames(2100, 1, patient).flat();
    layer.invalidate({ x0: 9000, y0: 9000, x1: 9010, y1: 9005 });
    const elsewhere = frames(2100, 1, patient).flat();
    const whole = frames(0, 0.05, patient).flat();
    return { slow, corner: [...corner], still, moved, changed, elsewhere, whole };
  }, SIDE);

  // 2000 lies in tile 3, 2799 in tile 5, 2599 too; before them comes the one tile that holds the whole image.
  const [first, ...others] = report.slow;
  assert.deepEqual(first.map(({ level }) => level).sort(), [0, 5], "a tile, and what stands in for the others");
  assert.ok(
    others.every((tiles) => tiles.length === 1 && tiles[0].level === 0),
    "without time, one tile a frame",
  );
  assert.equal(report.slow.flat().length, 1 + 9);
  assert.deepEqual(report.corner, [255, 0, 0, 255]);
  assert.deepEqual(report.still, [], "nothing is painted twice");
  assert.equal(report.moved.length, 0, "2100 to 2899 lie in the same tiles");
  // With the pixels around it, whose outlines may change.
  assert.deepEqual(report.changed, [{ level: 0, box: { x0: 2199, y0: 2099, x1: 2211, y1: 2106 } }]);
  assert.deepEqual(report.elsewhere, []);
  assert.ok(
    report.whole.every(({ level }) => level === 4),
    "at a twentieth, every 16th pixel is enough",
  );
});

test("a large image is shown finely and coarsely, labelled, and held in bounded memory", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", largeImage());
  await waitState(page, "encoded", 180_000);
  await page.selectOption("#window", "full");
  await waitState(page, "encoding");
  await waitState(page, "encoded", 180_000);

  const places = Array.from({ length: 400 }, (_, i) => ({ x: 80 + 31 * (i % 20), y: 20 + 29 * Math.floor(i / 20) }));
  const within = (/** @type {Shown} */ { x, y }) => x >= 0 && y >= 0 && x < SIDE && y < SIDE;
  const fitted = (await shownAt(page, places)).filter(within);
  assert.ok(fitted.length > 200, `${fitted.length} places lie in the image`);
  for (const { x, y, colour } of fitted) {
    // The mean of the chessboard, as single pixels would make patterns that the image does not have.
    const expected = (x + y) / 100 - 0.5 + CONTRAST / 2;
    for (const channel of colour) assert.ok(Math.abs(channel - expected) < 1.5, `${colour} at ${x}, ${y} is near ${expected}`);
  }
  await page.click("#zoom-actual");
  for (const clicks of [0, 2]) {
    for (let i = 0; i < clicks; i++) await page.click("#zoom-in");
    // A place between two pixels may show either.
    const shown = (await shownAt(page, places)).filter(({ x, y }) => [x, y].every((at) => Math.abs(at - Math.round(at)) > 0.05));
    assert.ok(shown.length > 200, `${shown.length} places lie within a pixel`);
    for (const { x, y, colour } of shown) {
      assert.deepEqual(colour, Array(3).fill(grayAt(Math.floor(x), Math.floor(y))), `${x}, ${y} after ${clicks} clicks`);
    }
  }

  await page.click("#zoom-actual");
  const middle = { x: SIDE / 2, y: SIDE / 2 };
  await page.locator("#gamma").evaluate((element) => {
    /** @type {HTMLInputElement} */ (element).value = "0.5";
    element.dispatchEvent(new Event("input"));
  });
  const brighter = (/** @type {Point} */ { x, y }) => Array(3).fill(Math.round(255 * Math.sqrt(grayAt(x, y) / 255)));
  await shows(page, middle, brighter(middle));
  assert.equal(await page.getAttribute("html", "data-state"), "encoded", "nothing is encoded while the control moves");
  await page.locator("#gamma").dispatchEvent("change");
  await waitState(page, "encoding");
  await waitState(page, "encoded", 180_000);
  await page.click("#zoom-fit");
  const [mean] = await colourOf(page, middle);
  const beyond = { x: middle.x + 1, y: middle.y };
  const expected = (brighter(middle)[0] + brighter(beyond)[0]) / 2;
  assert.ok(Math.abs(mean - expected) < 2, `${mean} is near ${expected}`);
  await page.click("#zoom-actual");
  for (const at of [middle, beyond]) assert.deepEqual(await colourOf(page, at), brighter(at));
  await page.click("#reset-display");
  await page.selectOption("#window", "full");
  await shows(page, middle, Array(3).fill(grayAt(middle.x, middle.y)));

  await page.fill("#brush-size", "100");
  await page.focus("#canvas");
  await page.keyboard.press("d");
  await dragImage(page, 4980, 5000, 5080, 5000);
  const [labelled, beside] = [
    { x: 5030, y: 5010 },
    { x: 5030, y: 5100 },
  ];
  for (const zoom of ["#zoom-actual", "#zoom-fit", "#zoom-actual", "#zoom-in"]) {
    await page.click(zoom);
    assert.ok(await tinted(page, labelled), `the label shows after ${zoom}`);
    assert.ok(!(await tinted(page, beside)), `beside it the image shows after ${zoom}`);
  }
  await page.click("#zoom-actual");
  await page.focus("#canvas");
  await page.keyboard.press("e");
  for (const y of [4980, 5020]) await dragImage(page, 4930, y, 5130, y);
  for (const zoom of ["#zoom-fit", "#zoom-in", "#zoom-actual"]) {
    await page.click(zoom);
    assert.ok(!(await tinted(page, labelled)), `the erased label is gone after ${zoom}`);
  }
  assert.deepEqual(await colourOf(page, labelled), Array(3).fill(grayAt(labelled.x, labelled.y)));

  const bytes = await peakMemory();
  console.log(`peak memory of a page with ${SIDE} × ${SIDE} pixels: ${Math.round(bytes / 2 ** 20)} MiB`);
  // The engine has file and image, the page a third more than the image, and object numbers of four bytes.
  assert.ok(bytes < 14 * SIDE * SIDE);
  assert.deepEqual(observed.errors, []);
});

test("a colour image keeps its colours across tiles", async () => {
  const [width, height] = [600, 520];
  const colour = (/** @type {number} */ x, /** @type {number} */ y) => [x % 256, y % 256, (x * y) % 256];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return colour(pixel % width, Math.floor(pixel / width))[i % 3];
  });
  const { page } = await openPage(browser, "?device=cpu");
  const buffer = Buffer.from(encode({ width, height, data, channels: 3, depth: 8 }));
  await page.setInputFiles("#image-file", { name: "colour.png", mimeType: "image/png", buffer });
  await waitState(page, "encoded", 180_000);
  await page.click("#zoom-actual");
  for (const [x, y] of [
    [300, 20],
    [511, 511],
    [512, 511],
    [511, 512],
    [512, 512],
  ]) {
    assert.deepEqual(await colourOf(page, { x, y }), colour(x, y), `${x}, ${y}`);
  }
});

test("1:1 keeps the middle, and Space moves the image or marks a point", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  const { width, height } = await page
    .locator("#canvas")
    .evaluate(({ clientWidth, clientHeight }) => ({ width: clientWidth, height: clientHeight }));
  const fitted = await viewOf(page);
  assert.notEqual(fitted.scale, 1);
  await page.click("#zoom-actual");
  const actual = await viewOf(page);
  assert.equal(actual.scale, 1);
  assert.ok(Math.abs(width / 2 - actual.x - (width / 2 - fitted.x) / fitted.scale) <= 0.5);
  assert.ok(Math.abs(height / 2 - actual.y - (height / 2 - fitted.y) / fitted.scale) <= 0.5);

  const from = await toScreen(page, 100, 100);
  await page.mouse.move(from.x, from.y);
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
  for (const focused of [false, true]) {
    if (focused) await page.focus("#canvas");
    const before = await viewOf(page);
    await page.keyboard.down("Space");
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x + 60, from.y + 40, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.up("Space");
    assert.deepEqual(await viewOf(page), { scale: 1, x: before.x + 60, y: before.y + 40 });
    assert.ok(await page.isDisabled("#undo"), "no prompt came of it");
  }
  await page.keyboard.press("0");
  assert.deepEqual(await viewOf(page), fitted);
  await page.keyboard.press("o");
  assert.equal((await viewOf(page)).scale, 1);
  await page.keyboard.down("Space");
  assert.ok(await page.isDisabled("#undo"), "a press of Space may still become a drag");
  await page.keyboard.up("Space");
  await waitState(page, "masked");
});
