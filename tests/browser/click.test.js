// The main job, as a person does it: open the sample, click a nucleus, take its mask home.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { clickImage, dragImage, launch, openPage, waitState } from "./harness.js";
import { downloadedMask, iou, largestObject, sample } from "./sample.js";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("a click on the sample gives the nucleus's mask, on the CPU device", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  assert.match((await page.textContent("#device-name")) ?? "", /CPU/);

  const { labels } = sample();
  const object = largestObject(labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const mask = await downloadedMask(page);
  assert.deepEqual([mask.width, mask.height], [labels.width, labels.height]);
  const found = iou(mask, labels, object.id);
  console.log(`IoU with the sample's label after one click: ${found.toFixed(3)}`);
  assert.ok(found > 0.8, `the mask's IoU with the label is ${found}`);
  await page.screenshot({ path: "target/screenshot.png" });

  const origin = new URL(process.env.GRAYSAM_URL ?? "").origin;
  const elsewhere = observed.requests.filter((url) => !url.startsWith(origin) && !url.startsWith("blob:"));
  assert.deepEqual(elsewhere, [], "no request leaves the page");
  assert.deepEqual(observed.errors, []);
});

test("without a GPU worth the name the page takes the CPU by itself and says why", async () => {
  const { page, observed } = await openPage(browser);
  await waitState(page, "ready", 180_000);
  assert.match((await page.textContent("#device-name")) ?? "", /^CPU, \d+ threads?$/);
  assert.match((await page.textContent("#device-note")) ?? "", /software|no GPU/);
  assert.deepEqual(observed.errors, []);
});

test("an unknown device is told", async () => {
  const { page } = await openPage(browser, "?device=tpu");
  await page.waitForSelector("#alert:not([hidden])");
  assert.match((await page.textContent("#alert-text")) ?? "", /tpu/);
});

test("prompts refine the mask, and undo and clear take them back", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  const { labels } = sample();
  const object = largestObject(labels);

  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const candidates = [];
  for (let i = 0; i < 3; i++) {
    candidates.push(`${await page.textContent("#predicted-iou")}`);
    if (i < 2) await page.click(i === 0 ? "#candidate-next" : "#candidate-previous");
    await waitState(page, "masked");
  }
  assert.notEqual(candidates[0], candidates[1], "another candidate has another predicted IoU");
  assert.equal(candidates[0], candidates[2]);

  const oneClick = await downloadedMask(page);
  await clickImage(page, object.x0 - 8, object.y0 - 8, { button: "right" });
  await page.waitForFunction(() => document.querySelector("#candidate-next")?.hasAttribute("disabled"));
  await waitState(page, "masked");
  const refined = await downloadedMask(page);
  assert.equal(refined.data[(object.y0 - 8) * refined.width + object.x0 - 8], 0);

  await page.keyboard.press("Backspace");
  await page.waitForFunction(() => !document.querySelector("#candidate-next")?.hasAttribute("disabled"));
  await waitState(page, "masked");
  assert.deepEqual((await downloadedMask(page)).data, oneClick.data, "undo brings the first mask back");

  await page.keyboard.press("Escape");
  await waitState(page, "encoded");
  await dragImage(page, object.x0, object.y0, object.x1, object.y1);
  await waitState(page, "masked");
  const boxed = iou(await downloadedMask(page), labels, object.id);
  assert.ok(boxed > 0.8, `the box's IoU with the label is ${boxed}`);
});

test("the keyboard alone is enough", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.focus("#open-sample");
  await page.keyboard.press("Enter");
  await waitState(page, "encoded", 180_000);
  await page.focus("#canvas");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Space");
  await waitState(page, "masked");
  await page.keyboard.press("]");
  await waitState(page, "masked");
  await page.keyboard.press("Backspace");
  await waitState(page, "encoded");
});

test("another display window is encoded anew and the prompts are kept", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  const { labels } = sample();
  const object = largestObject(labels);
  await dragImage(page, object.x0, object.y0, object.x1, object.y1);
  await waitState(page, "masked");
  const before = await downloadedMask(page);
  await page.selectOption("#window", "full");
  await waitState(page, "encoding");
  await waitState(page, "masked", 180_000);
  const dark = await downloadedMask(page);
  assert.notDeepEqual(dark.data, before.data, "the encoder gets the window that is shown");
  await page.selectOption("#window", "percentile");
  await waitState(page, "encoding");
  await waitState(page, "masked", 180_000);
  assert.deepEqual((await downloadedMask(page)).data, before.data);
});

test("an encode can be cancelled and taken up again", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoding");
  await page.click("#cancel");
  await page.waitForSelector("#encode:not([hidden])");
  await page.click("#encode");
  await waitState(page, "encoded", 180_000);
});
