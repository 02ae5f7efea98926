// What was learned of three nuclei, in a second image, after a reload, and with a colleague.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { after, before, test } from "node:test";

import { LIMIT, counts, downloadedLabels, found, labelThree } from "../finding.js";
import { launch, launchWithProfile, openPage, openPath, waitState } from "../harness.js";
import { temporaryFolder } from "../sample.js";

/** @typedef {import("../harness.js").Page} Page */

/** @type {import("../harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The labels once all suggestions that are shown are kept. @param {Page} page */
async function keptLabels(page) {
  await page.click("#keep-shown");
  return Array.from((await downloadedLabels(page)).data);
}

test("a second image is searched with what was learned, and a reload brings all of it back", async () => {
  const context = await launchWithProfile(temporaryFolder());
  try {
    const page = await context.newPage();
    await openPath(page, "?device=cpu");
    const { imagePath } = await labelThree(page);
    const buffer = readFileSync(imagePath);
    const [first, second] = [basename(imagePath), "second.png"].map((name) => ({ name, mimeType: "image/png", buffer }));
    await page.setInputFiles("#image-file", [first, second]);
    await waitState(page, "encoded", LIMIT);
    await page.click("#find-everywhere");
    await found(page);
    await page.waitForSelector("#searched-box:not([hidden])");
    assert.equal(await page.locator("#searched li").count(), 2);
    await page.getByRole("button", { name: "Review second.png" }).click();
    await page.waitForFunction(() => document.getElementById("chosen-suggestion")?.textContent?.startsWith("No. 1"));
    // Only then its own labels, which are none, count.
    await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "0");
    await waitState(page, "encoded", LIMIT);
    const before = await counts(page);
    assert.ok(before.shown > 20, JSON.stringify(before));
    const there = await keptLabels(page);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("j");
    await page.keyboard.press("Delete");
    assert.equal((await counts(page)).all, before.all - 1);
    await page.fill("#sureness", "0.3");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-finder")]);
    assert.match(download.suggestedFilename(), /^MobileSAM-learned\.safetensors$/);
    const learned = await download.path();
    await page.waitForTimeout(2000);
    await page.reload();
    await waitState(page, "encoded", LIMIT);
    assert.equal((await counts(page)).all, before.all - 1);
    assert.equal(await page.inputValue("#sureness"), "0.3");
    assert.match((await page.textContent("#rest-quality")) ?? "", /^Of 3 labelled objects/);
    await page.setInputFiles("#finder-file", learned);
    await page.waitForFunction(() => /3 objects of a file/.test(document.getElementById("rest-note")?.textContent ?? ""));
    await page.click("#find-rest");
    await found(page);
    assert.equal((await counts(page)).all, before.all - 1, "what was thrown away stays away");

    // A colleague opens the file, and gets the same.
    const { page: other } = await openPage(browser, "?device=cpu");
    await other.setInputFiles("#image-file", second);
    await waitState(other, "encoded", LIMIT);
    await other.setInputFiles("#finder-file", learned);
    await other.waitForFunction(() => /3 objects of a file/.test(document.getElementById("rest-note")?.textContent ?? ""));
    await other.click("#find-rest");
    await found(other);
    assert.deepEqual(await keptLabels(other), there);
  } finally {
    await context.close();
  }
});
