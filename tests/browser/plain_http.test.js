// The page over plain http, as from another machine of a lab: the browser gives it neither storage nor other things of
// secure contexts, and it works for the visit.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { clickImage, dragImage, launch, openPage, waitState } from "./harness.js";
import { largestObject, sample } from "./sample.js";

const LIMIT = 180_000;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  // Chromium takes this machine's own addresses for secure, whatever the protocol.
  browser = await launch("--host-resolver-rules=MAP plain.test 127.0.0.1");
});
after(() => browser.close());

test("over plain http an image opens, a click gives a mask, and objects are kept for the visit, which is said", async () => {
  const base = new URL(process.env.GRAYSAM_URL ?? "");
  base.hostname = "plain.test";
  const { page, observed } = await openPage(browser, "?device=cpu", { serviceWorkers: "allow", base: base.href });
  const lacking = await page.evaluate(() => [
    isSecureContext,
    "storage" in navigator,
    "locks" in navigator,
    "serviceWorker" in navigator,
    "subtle" in crypto,
    "getCoalescedEvents" in PointerEvent.prototype,
  ]);
  assert.deepEqual(lacking, [false, false, false, false, false, false], "this is what the test is about");

  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await page.waitForSelector("#alert:not([hidden])");
  const told = /^Over plain http this browser keeps no files for this page.* open the page over https or on localhost to have them kept\.$/;
  assert.match((await page.textContent("#alert-text")) ?? "", told);
  await page.click("#dismiss-alert");

  const object = largestObject(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  await page.focus("#canvas");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "1");

  await page.click("#tool-draw");
  await dragImage(page, 20, 20, 60, 20);
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "2");

  assert.match((await page.textContent("#storage-use")) ?? "", /^Over plain http .* lasts for this visit/);
  assert.equal(await page.getAttribute("html", "data-offline"), "unavailable");
  await page.waitForTimeout(500);
  assert.ok(await page.isHidden("#alert"), "nothing goes wrong after that, and it is told once");
  // What the browser says of the server's headers, which have no effect here.
  const errors = observed.errors.filter((error) => !error.startsWith("The Cross-Origin-Opener-Policy header has been ignored"));
  assert.deepEqual(errors, []);
});
