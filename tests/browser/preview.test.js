// The mask under the pointer, before any click.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { clickImage, launch, openPage, toScreen, waitState } from "./harness.js";
import { downloadedMask, iou, largestObject, sample } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The sample, encoded and on the screen. */
async function openSample() {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  return { page, observed };
}

/** The colours at the image's pixels as the canvas shows them. @param {Page} page @param {import("./sample.js").Gray} image */
function shownColours(page, { width, height }) {
  return page.locator("#canvas").evaluate(
    async (element, size) => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const canvas = /** @type {HTMLCanvasElement} */ (element);
      const shown = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
      if (!shown) throw new Error("no canvas");
      const [scale, left, top] = ["scale", "offsetX", "offsetY"].map((name) => Number(canvas.dataset[name]));
      const pixels = new Uint32Array(shown.data.buffer);
      return Array.from({ length: size.width * size.height }, (_, i) => {
        const [x, y] = [i % size.width, Math.floor(i / size.width)];
        const ratio = devicePixelRatio;
        const column = Math.floor((left + (x + 0.5) * scale) * ratio);
        return pixels[Math.floor((top + (y + 0.5) * scale) * ratio) * shown.width + column];
      });
    },
    { width, height },
  );
}

/** @param {Page} page @param {number} x @param {number} y */
async function hover(page, x, y) {
  const at = await toScreen(page, x, y);
  await page.mouse.move(at.x, at.y);
}

test("hovering shows the mask that a click then gives, without a prompt", async () => {
  const { page, observed } = await openSample();
  const { labels } = sample();
  const object = largestObject(labels);
  const bare = await shownColours(page, labels);
  await page.setChecked("#preview", true);
  await hover(page, object.x, object.y);
  await page.waitForSelector("html[data-preview=shown]");

  const colours = await shownColours(page, labels);
  const preview = { ...labels, data: colours.map((colour, i) => Number(colour !== bare[i])) };
  const found = iou(preview, labels, object.id);
  console.log(`IoU of the preview with the sample's label: ${found.toFixed(3)}`);
  assert.ok(found > 0.8, `the preview's IoU with the label is ${found}`);
  assert.ok(await page.isDisabled("#undo"), "there is no prompt");
  await page.screenshot({ path: "target/preview.png" });

  await page.mouse.move(5, 5);
  await page.waitForSelector("html[data-preview=none]");
  assert.deepEqual(await shownColours(page, labels), bare);

  await hover(page, object.x, object.y);
  await page.waitForSelector("html[data-preview=shown]");
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const clicked = await downloadedMask(page);
  assert.equal(await page.getAttribute("html", "data-preview"), "none");
  assert.deepEqual(
    preview.data,
    Array.from(clicked.data, (value) => Number(value > 0)),
  );

  const { page: other } = await openSample();
  await other.setChecked("#preview", false);
  await clickImage(other, object.x, object.y);
  await waitState(other, "masked");
  assert.deepEqual((await downloadedMask(other)).data, clicked.data);
  assert.deepEqual(observed.errors, []);
});

test("H switches the preview, and other tools have none", async () => {
  const { page } = await openSample();
  const object = largestObject(sample().labels);
  await page.setChecked("#preview", true);
  await hover(page, object.x, object.y);
  await page.waitForSelector("html[data-preview=shown]");
  await page.keyboard.press("h");
  await page.waitForSelector("html[data-preview=none]");
  assert.equal(await page.isChecked("#preview"), false);
  await page.keyboard.press("h");
  await page.waitForSelector("html[data-preview=shown]");
  await page.keyboard.press("d");
  await page.waitForSelector("html[data-preview=none]");
  await hover(page, object.x + 2, object.y);
  await page.waitForTimeout(1000);
  assert.equal(await page.getAttribute("html", "data-preview"), "none");
});

test("one request runs at a time, the newest place is asked for next, and a click goes first", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  await page.addInitScript(() => {
    const asked = /** @type {unknown[]} */ ([]);
    Object.assign(window, { asked });
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (/** @type {any[]} */ ...args) {
      const { method, args: [first] = [] } = args[0];
      if (method === "preview") asked.push(first.x);
      if (method === "predict") asked.push("click");
      return post.apply(this, /** @type {[any]} */ (/** @type {unknown} */ (args)));
    };
  });
  await page.goto(new URL("?device=cpu", process.env.GRAYSAM_URL).href);
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  await page.setChecked("#preview", true);
  const places = [100, 110, 120, 130, 140];
  // Faster than any answer comes.
  await page.locator("#canvas").evaluate((canvas, places) => {
    const { scale, offsetX, offsetY } = /** @type {HTMLElement} */ (canvas).dataset;
    const box = canvas.getBoundingClientRect();
    for (const place of places) {
      const clientX = box.left + Number(offsetX) + (place + 0.5) * Number(scale);
      const clientY = box.top + Number(offsetY) + 100 * Number(scale);
      canvas.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1, pointerType: "mouse" }));
    }
  }, places);
  const asked = () =>
    page.evaluate(() => /** @type {any} */ (window).asked.map((/** @type {any} */ at) => (at === "click" ? at : Math.floor(at))));
  await page.waitForFunction(() => Math.floor(/** @type {any} */ (window).asked.at(-1)) === 140);
  const first = await asked();
  // The first place is left out too where the worker was still at something else.
  assert.ok(first.length <= 2 && [100, 140].includes(first[0]), `asked for ${first}`);

  await hover(page, 200, 100);
  await clickImage(page, 210, 100);
  await hover(page, 220, 100);
  await waitState(page, "masked");
  const order = await asked();
  assert.equal(order.at(-1), "click", `asked for ${order}`);
});
