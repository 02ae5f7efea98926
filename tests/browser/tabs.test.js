// Several tabs of one profile, and one that sleeps: no object that was stored is lost, and each tab says what it does not keep.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { alertText, draw, frame, launchForBrush, openTab, waitOpen, waitStored } from "./brush_work.js";
import { openPath } from "./harness.js";

/** @type {import("playwright-core").BrowserContext} */
let context;
before(async () => {
  context = await launchForBrush();
});
after(() => context.close());

const OTHER_TAB = /^GraySAM is open in another tab, which stores the labels; those made here are lost when this page is closed/;
const STALE = /^Another tab has stored labels since this page was opened, so what is done here is not stored; export it, then reload/;

/** Whether the browser would ask before it closes the page. @param {import("./harness.js").Page} page */
function asksBeforeClosing(page) {
  return page.evaluate(() => !window.dispatchEvent(new Event("beforeunload", { cancelable: true })));
}

test("of three tabs one stores, the others say that they do not, and each goes on where the one before was closed", async () => {
  const first = await openTab(context);
  await first.setInputFiles("#image-file", frame(1));
  await waitOpen(first, "frame 1.png", 0);
  await draw(first, 0);
  await draw(first, 1);
  await waitStored(first, "frame 1.png", 2);

  const others = [await openTab(context), await openTab(context)];
  for (const page of others) {
    assert.match(await alertText(page), OTHER_TAB);
    await waitOpen(page, "frame 1.png", 2);
    await page.bringToFront();
    await draw(page, 8);
    await waitOpen(page, "frame 1.png", 3);
    assert.ok(await asksBeforeClosing(page));
  }

  await first.bringToFront();
  await draw(first, 2);
  await waitStored(first, "frame 1.png", 3);
  assert.ok(!(await asksBeforeClosing(first)));
  await first.close();

  const [second, third] = others;
  await second.bringToFront();
  await draw(second, 9);
  assert.match(await alertText(second), STALE, "what the first one stored is not overwritten");
  assert.ok(await asksBeforeClosing(second));
  await openPath(second, "?device=cpu");
  await waitOpen(second, "frame 1.png", 3);
  await draw(second, 3);
  await waitStored(second, "frame 1.png", 4);
  assert.ok(await second.isHidden("#alert"));
  await second.close();

  await openPath(third, "?device=cpu");
  await waitOpen(third, "frame 1.png", 4);
  await draw(third, 4);
  await waitStored(third, "frame 1.png", 5);
  await third.close();
});

test("a tab that sleeps and wakes has lost nothing, and goes on storing", async () => {
  const page = await openTab(context);
  await page.setInputFiles("#image-file", frame(2));
  await waitOpen(page, "frame 2.png", 0);
  await draw(page, 14);
  await waitStored(page, "frame 2.png", 1);
  // Put to sleep in the midst of storing.
  await draw(page, 15);
  const devtools = await context.newCDPSession(page);
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  const other = await openTab(context);
  assert.match(await alertText(other), OTHER_TAB, "it still has the project");
  await other.close();
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  await page.bringToFront();
  await draw(page, 16);
  await waitOpen(page, "frame 2.png", 3);
  await waitStored(page, "frame 2.png", 3);
  assert.ok(await page.isHidden("#alert"));
  await openPath(page, "?device=cpu");
  await waitOpen(page, "frame 2.png", 3);
});
