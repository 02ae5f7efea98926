// How often the panels draw.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { dragImage, launch, openPage, waitState } from "./harness.js";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** How often each panel has drawn so far. @param {import("./harness.js").Page} page */
function drawings(page) {
  return page.evaluate(async () => {
    /** @type {typeof import("../../www/panels/drawn.js")} */
    const { drawn } = await import(new URL("www/panels/drawn.js", document.baseURI).href);
    return Object.fromEntries(drawn);
  });
}

test("one brush stroke draws each panel at most once", async () => {
  const { page } = await openPage(browser, "?device=cpu", { modules: true });
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  // The thumbnail is made when nothing else is to do, and is drawn too.
  await page.waitForSelector("#images li img[src]", { state: "attached" });
  await page.click("#tool-draw");
  for (const [i, y] of [100, 200].entries()) {
    const before = await drawings(page);
    await dragImage(page, 100, y, 300, y + 40);
    await page.waitForFunction((count) => document.getElementById("object-count")?.textContent === String(count), i + 1);
    // What would draw again does so within a few frames.
    await page.waitForTimeout(500);
    const after = await drawings(page);
    assert.ok(Object.keys(after).length >= 10, "the panels count their drawings");
    assert.equal(after.objects - before.objects, 1, "the list shows the new object");
    const often = Object.entries(after).filter(([panel, count]) => count - (before[panel] ?? 0) > 1);
    assert.deepEqual(often, []);
  }
});
