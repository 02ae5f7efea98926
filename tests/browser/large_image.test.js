// Large images: what is looked at closely is seen closely by the model.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { encode } from "fast-png";

import { changeEngine, clickImage, launch, waitState, zoomTo } from "./harness.js";
import { mosaicOf, opened, twenty } from "./mosaic.js";
import { downloadedMask, iou, sample, temporaryFolder } from "./sample.js";

const SIDE = 4096;

/** @type {import("./harness.js").Browser} */
let browser;
/** The sample again and again in a square of 4096 pixels. */
let mosaic = "";
/** @type {import("./sample.js").Gray} */
let labels;
before(async () => {
  browser = await launch();
  mosaic = mosaicOf(SIDE);
  labels = sample().labels;
});
after(() => browser.close());

/** An image with a bright disc on a dark ground. @param {number} x @param {number} y @param {number} radius */
function disc(x, y, radius) {
  const data = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < data.length; i++) {
    const inside = Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y) < radius;
    data[i] = (inside ? 170 : 30) + ((i * 2654435761) >>> 28);
  }
  const path = join(temporaryFolder(), "disc.png");
  writeFileSync(path, encode({ width: SIDE, height: SIDE, data, depth: 8, channels: 1 }));
  const truth = Uint8Array.from({ length: data.length }, (_, i) => (Math.hypot((i % SIDE) - x, Math.floor(i / SIDE) - y) < radius ? 1 : 0));
  return { path, truth: { width: SIDE, height: SIDE, data: truth } };
}

test("a large object is found from afar, and whole from close by", async () => {
  const [x, y, radius] = [1900, 2200, 700];
  const { path, truth } = disc(x, y, radius);
  const { page } = await opened(browser, path);
  await clickImage(page, x, y);
  await waitState(page, "masked");
  const afar = iou(await downloadedMask(page), truth, 1);
  assert.doesNotMatch((await page.textContent("#status")) ?? "", /seen in a part/);
  await page.keyboard.press("Escape");
  // At its edge, of which only an arc is in view.
  await zoomTo(page, x + radius, y, 500);
  await clickImage(page, x + radius - 60, y);
  await waitState(page, "encoding");
  await page.screenshot({ path: "target/part.png" });
  await waitState(page, "masked", 120_000);
  const near = iou(await downloadedMask(page), truth, 1);
  console.log(`IoU of a disc of ${2 * radius} pixels: ${afar.toFixed(3)} from afar, ${near.toFixed(3)} from close by`);
  assert.ok(afar > 0.9 && near > 0.9);
  await page.context().close();
});

test("the encode of a part can be cancelled, and gone on with", async () => {
  const { page } = await opened(browser, mosaic);
  await zoomTo(page, 2000, 2000, 500);
  await clickImage(page, 2000, 2000);
  await waitState(page, "encoding");
  assert.match((await page.textContent("#status")) ?? "", /Encoding a part of 512 × 512 pixels/);
  await page.click("#cancel");
  await waitState(page, "ready");
  await page.click("#encode");
  await waitState(page, "masked", 60_000);
  await page.context().close();
});

test("who comes back to a large image has nothing encoded again", async () => {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, serviceWorkers: "block" });
  const page = await context.newPage();
  /** @type {string[]} */
  const encodes = [];
  context.on("console", (message) => message.text().startsWith("encode:") && encodes.push(message.text()));
  const count =
    "const begun = Engine.prototype.encode; Engine.prototype.encode = function (progress) { console.log('encode:'); return begun.call(this, progress); };";
  await changeEngine(page, count, count);
  // Each further thread would load the module, too.
  const url = new URL("?device=cpu&threads=1", process.env.GRAYSAM_URL).href;
  await page.goto(url);
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", mosaic);
  await waitState(page, "encoded", 180_000);
  const [{ x, y }] = twenty(labels);
  const at = { x: 3 * labels.width + x, y: 4 * labels.height + y };
  await zoomTo(page, at.x, at.y, 500);
  await clickImage(page, at.x, at.y);
  await waitState(page, "masked", 60_000);
  const mask = await downloadedMask(page);
  assert.ok(encodes.length >= 2, `${encodes.length} encodes`);
  await page.waitForTimeout(1000);
  const before = encodes.length;
  await page.reload();
  await waitState(page, "masked", 180_000);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
  assert.equal(encodes.length, before, "all embeddings were kept");
  await context.close();
});
