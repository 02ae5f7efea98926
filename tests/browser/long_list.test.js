// A project of more images than the list builds items for.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { storeProject } from "../bench/large_project.js";
import { launchForBrush } from "./brush_work.js";
import { openPath, withModules } from "./harness.js";
import { listedNotes } from "./image_list.js";

/** @typedef {import("./harness.js").Page} Page */

const IMAGES = 300;
const OBJECTS = 3;
const LIMIT = 60_000;
const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** @type {import("playwright-core").BrowserContext} */
let context;
/** @type {Page} */
let page;
before(async () => {
  context = await launchForBrush();
  page = await context.newPage();
  await openPath(page, "www/icon.svg");
  const wanted = { images: IMAGES, objects: OBJECTS, root: new URL(".", process.env.GRAYSAM_URL).href };
  await withModules(context, () => page.evaluate(storeProject, wanted));
  await openPath(page, "?device=cpu");
  await opened("frame 1.png");
});
after(() => context.close());

/** @param {string} name */
async function opened(name) {
  await page.waitForFunction((name) => document.getElementById("image-facts")?.textContent?.startsWith(name), `${name}:`, {
    timeout: LIMIT,
  });
}

/** Scrolls the list. @param {number} top */
function scrollTo(top) {
  return page.evaluate((top) => document.getElementById("images")?.scrollTo({ top }), top);
}

/** The names at the beginning, in the middle and at the end of what is in view, once drawn. @param {"left" | "top"} along */
function inView(along) {
  return page.evaluate(async (along) => {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    const { left, top, width, height } = /** @type {HTMLElement} */ (document.getElementById("images")).getBoundingClientRect();
    return [0.1, 0.5, 0.9].map((share) => {
      const at = along === "top" ? [left + width / 2, top + height * share] : [left + width * share, top + 20];
      const item = document.elementFromPoint(at[0], at[1])?.closest("li");
      return `${item?.ariaPosInSet} of ${item?.ariaSetSize}: ${item?.querySelector(".thumbnail-name")?.textContent}`;
    });
  }, along);
}

/** Each is at its place of all. @param {string[]} seen @param {number} from @param {number} to */
function assertPlaces(seen, from, to) {
  for (const text of seen) {
    const [, place, count, name] = /^(\d+) of (\d+): frame (\d+)\.png$/.exec(text)?.map(Number) ?? assert.fail(text);
    assert.deepEqual([count, name], [IMAGES, place]);
    assert.ok(place >= from && place <= to, `${text} is between ${from} and ${to}`);
  }
}

test("what is in view is there wherever the list is scrolled to, and all images are listed", async () => {
  assertPlaces(await inView("top"), 1, 12);
  for (const [share, from, to] of [
    [0.5, 140, 165],
    [1, 285, IMAGES],
    [0.25, 65, 90],
    [0, 1, 12],
  ]) {
    await page.evaluate((share) => {
      const list = /** @type {HTMLElement} */ (document.getElementById("images"));
      list.scrollTop = share * (list.scrollHeight - list.clientHeight);
    }, share);
    assertPlaces(await inView("top"), from, to);
    assert.ok((await page.locator("#images li").count()) < 60);
  }
  assert.deepEqual(await listedNotes(page), Array(IMAGES).fill(`${OBJECTS} objects`));
  await page.waitForFunction(() => [...document.querySelectorAll("#images img")].every((img) => /** @type {HTMLImageElement} */ (img).src));
});

test("the focus stays where it is, and Tab goes on from there", async () => {
  const focused = () => page.evaluate(() => document.activeElement?.id);
  await scrollTo(0);
  await page.focus("#image-image-3");
  await scrollTo(20_000);
  assertPlaces(await inView("top"), 80, 250);
  assert.equal(await focused(), "image-image-3");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "done-image-3");
  await page.keyboard.press("Space");
  await page.waitForFunction(() => document.getElementById("images-count")?.textContent === "1 of 300 done");
  assert.equal(await focused(), "done-image-3");
  await page.evaluate(() => document.getElementById("done-image-3")?.scrollIntoView());
  for (let place = 4; place < 40; place++) {
    await page.keyboard.press("Tab");
    assert.equal(await focused(), `image-image-${place}`);
    await page.keyboard.press("Tab");
  }
  assertPlaces(await inView("top"), 30, 45);
});

test("a key that is held down goes on before the view follows", async () => {
  await scrollTo(0);
  const reached = await page.evaluate(() => {
    const items = /** @type {NodeListOf<HTMLLIElement>} */ (document.querySelectorAll("#images li"));
    const place = (/** @type {Element | null} */ item) => Number(item?.ariaPosInSet);
    const last = [...items].find((item) => place(item.nextElementSibling) !== place(item) + 1);
    last?.querySelector("button")?.focus({ preventScroll: true });
    return last && place(last.nextElementSibling) - place(last);
  });
  assert.equal(reached, 1);
});

test("the open image comes into view, and the list has no fault that a tool would find", async () => {
  await scrollTo(20_000);
  await page.focus("#canvas");
  await page.keyboard.press("n");
  await opened("frame 2.png");
  assertPlaces(await inView("top"), 1, 14);
  const isInView = () => {
    const [list, item] = ["#images", "#images li.open"].map((one) =>
      /** @type {Element} */ (document.querySelector(one)).getBoundingClientRect(),
    );
    return item.top >= list.top - 1 && item.bottom <= list.bottom + 1;
  };
  assert.ok(await page.evaluate(isInView));
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run("#images-panel");
    return violations.map((/** @type {{help: string}} */ { help }) => help);
  });
  assert.deepEqual(found, []);
});

test("on a narrow screen the list is a row", async () => {
  await page.setViewportSize({ width: 800, height: 900 });
  assertPlaces(await inView("left"), 1, 14);
  await page.evaluate(() => {
    const list = /** @type {HTMLElement} */ (document.getElementById("images"));
    list.scrollLeft = (list.scrollWidth - list.clientWidth) / 2;
  });
  assertPlaces(await inView("left"), 140, 165);
  await page.setViewportSize({ width: 1366, height: 768 });
});

test("the list of images to train on has all of them too", async () => {
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await page.evaluate(() => document.querySelector("#training-set li:last-child")?.scrollIntoView());
  const last = page.locator("#training-set li:last-child");
  assert.match(await last.innerText(), /^frame 300\.png/);
  await page.waitForFunction(() => document.querySelector("#training-set li:nth-last-child(4)")?.ariaPosInSet === "297");
  assert.ok((await page.locator("#training-set li").count()) < 100);
});
