// Label images of stacks, and masks of which only the person knows what they mean.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { decode } from "fast-png";

import { launch, openPage, waitState } from "./harness.js";

/** @typedef {import("./harness.js").Page} Page */

const FILES = "tests/fixtures/files";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page with a stack of three pages open. */
async function openStack() {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#image-file", `${FILES}/frames.dcm`);
  await page.waitForSelector("#pages:not([hidden])");
  return { page, observed };
}

/** @param {Page} page @param {number} count */
async function waitObjects(page, count) {
  await page.waitForFunction((wanted) => document.getElementById("object-count")?.textContent === wanted, String(count));
}

/** @param {Page} page @param {number} number of the page, which is the next one */
async function goToPage(page, number) {
  await page.focus("#canvas");
  await page.keyboard.press("PageDown");
  await page.waitForFunction((wanted) => document.getElementById("page-count")?.textContent === wanted, `Page ${number} of 3`);
}

test("each page of a stack takes its own page of a label stack", async () => {
  const { page, observed } = await openStack();
  for (const number of [1, 2, 3]) {
    if (number > 1) await goToPage(page, number);
    assert.match((await page.textContent("#image-facts")) ?? "", new RegExp(`^frames\\.dcm, page ${number} of 3: `));
    await waitObjects(page, 0);
    await page.setInputFiles("#label-file", `${FILES}/label_stack.tif`);
    await waitObjects(page, 11);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
    assert.equal(decode(readFileSync(await download.path())).data[0], number - 1);
  }
  assert.deepEqual(observed.errors, []);
});

test("a mask of several parts is asked about", async () => {
  const { page, observed } = await openStack();
  const open = async () => {
    await page.setInputFiles("#label-file", `${FILES}/label_mask.png`);
    await page.waitForSelector("#mask-question:not([hidden])");
  };
  await open();
  assert.match((await page.textContent("#mask-question-text")) ?? "", /6 separate parts/);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "mask-parts");
  await page.click("#mask-cancel");
  await page.waitForSelector("#mask-question", { state: "hidden" });
  await waitObjects(page, 0);
  await open();
  await page.keyboard.press("Enter");
  await waitObjects(page, 6);
  await open();
  await page.click("#mask-one");
  await waitObjects(page, 1);
  // Another image takes the question away.
  await open();
  await goToPage(page, 2);
  await page.waitForSelector("#mask-question", { state: "hidden" });
  await page.waitForSelector("#open-labels:enabled");
  assert.deepEqual(observed.errors, []);
});
