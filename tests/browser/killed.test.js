// The page's process is killed at several moments of a session. Opened again, it has all objects that were stored; at most
// the deed in hand is lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { beginStroke, draw, frame, launchForBrush, openTab, storedObjects, waitOpen, waitStored } from "./brush_work.js";

/** @typedef {import("./harness.js").Page} Page */

/** @type {import("playwright-core").BrowserContext} */
let context;
before(async () => {
  context = await launchForBrush();
});
after(() => context.close());

const IMAGE = "frame 1.png";

/** @param {Page} page */
async function kill(page) {
  const devtools = await context.newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  // It never answers.
  devtools.send("Page.crash").catch(() => {});
  await crashed;
  await page.close();
}

/** Waits until the image is open, with one of these numbers of objects. @param {Page} page @param {number[]} counts */
async function reopened(page, counts) {
  // None is open where the one that was had not been stored yet.
  await page.click(`#images button[title="${IMAGE}"]`);
  await page.waitForFunction((name) => document.getElementById("image-facts")?.textContent?.startsWith(name), `${IMAGE}:`);
  const count = Number(await page.textContent("#object-count"));
  assert.ok(counts.includes(count), `${count} objects are there, not one of ${counts}`);
  return count;
}

/** The names of the listed images with their objects. @param {Page} page */
function listed(page) {
  return page.locator("#images li").allInnerTexts();
}

/** Selects an object and removes it. @param {Page} page @param {string} select keys */
async function remove(page, select) {
  await page.focus("#canvas");
  if (select) await page.keyboard.press(select);
  else await page.click("#objects li button");
  await page.focus("#canvas");
  await page.keyboard.press("Delete");
}

/**
 * What is done when the process is killed, and how many objects may be there afterwards, of `n` before.
 * @type {{what: string, does: (page: Page, n: number) => Promise<unknown>, leaves: (n: number) => number[]}[]}
 */
const MOMENTS = [
  { what: "in a stroke", does: (page, n) => beginStroke(page, n), leaves: (n) => [n] },
  { what: "just after a stroke", does: (page, n) => draw(page, n), leaves: (n) => [n, n + 1] },
  {
    what: "as soon as a stroke is stored",
    does: async (page, n) => {
      await draw(page, n);
      await waitStored(page, IMAGE, n + 1);
    },
    leaves: (n) => [n + 1],
  },
  {
    what: "while images are added",
    does: async (page) => {
      await page.setInputFiles(
        "#image-file",
        Array.from({ length: 12 }, (_, i) => frame(10 + i)),
      );
      await page.waitForTimeout(60);
    },
    leaves: (n) => [n],
  },
  { what: "while an object is removed", does: (page) => remove(page, ""), leaves: (n) => [n, n - 1] },
  { what: "while all objects are removed", does: (page) => remove(page, "Control+a"), leaves: (n) => [n, 0] },
  {
    what: "while a removal is undone",
    does: async (page, n) => {
      await draw(page, 30);
      await draw(page, 31);
      await waitStored(page, IMAGE, n + 2);
      await remove(page, "Control+a");
      await waitStored(page, IMAGE, 0);
      await page.keyboard.press("Control+z");
    },
    leaves: (n) => [0, n + 2],
  },
];

test("whatever is done when the page's process is killed, objects that were stored come back", async () => {
  let page = await openTab(context);
  await page.setInputFiles("#image-file", [frame(1), frame(2)]);
  await waitOpen(page, IMAGE, 0);
  await draw(page, 0);
  await draw(page, 1);
  await waitStored(page, IMAGE, 2);
  await page.keyboard.press("n");
  await waitOpen(page, "frame 2.png", 0);
  await draw(page, 5);
  await waitStored(page, "frame 2.png", 1);
  await page.keyboard.press("Shift+n");
  await waitOpen(page, IMAGE, 2);

  let n = 2;
  for (const { what, does, leaves } of MOMENTS) {
    await does(page, n);
    await kill(page);
    page = await openTab(context);
    n = await reopened(page, leaves(n)).catch((error) => {
      throw new Error(`Killed ${what}: ${error.message}`, { cause: error });
    });
    const unharmed = (await listed(page)).filter((text) => /^frame 2\.png\s+1 object\b/.test(text.trim()));
    assert.equal(unharmed.length, 1, `killed ${what}: the other image keeps its object`);
    assert.ok(await page.isHidden("#alert"), `killed ${what}: nothing is amiss: ${await page.textContent("#alert-text")}`);
    // The project is this page's again.
    await draw(page, 20);
    await waitStored(page, IMAGE, n + 1);
    await page.keyboard.press("Control+z");
    await waitStored(page, IMAGE, n);
    assert.equal((await storedObjects(page))["frame 2.png"], 1);
  }
});
