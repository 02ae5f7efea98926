// What a person does with the page at first, the same in each browser: on the CPU device, from a host that sends no headers.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { decode } from "fast-png";

import { iou, largestObject, sample } from "../browser/sample.js";
import { openHost } from "../browser/static_host.js";

/** @typedef {import("./driven.js").Driven} Driven */
/** @typedef {import("../browser/static_host.js").StaticHost} StaticHost */

/**
 * What a browser gives an isolated page.
 * @typedef {object} Given
 * @property {boolean} threads it shares memory between them
 * @property {boolean} files it has some that stay, and that a page can write
 */

const ENTER = "\uE007";

/**
 * Declares the tests of one browser, each of which goes on where the one before ended.
 * @param {string} name @param {() => Promise<Driven>} launch @param {Partial<Given>} needed it must give this, and may the rest
 */
export function worksIn(name, launch, needed) {
  describe(`the page in ${name}`, () => steps(name, launch, needed));
}

/** @param {string} name @param {() => Promise<Driven>} launch @param {Partial<Given>} needed */
function steps(name, launch, needed) {
  /** @type {Driven} */
  let browser;
  /** @type {StaticHost} */
  let host;
  /** @type {Given} */
  let given;
  const object = largestObject(sample().labels);

  before(async () => {
    host = await openHost();
    browser = await launch();
    await browser.resize(1366, 900);
  });
  after(async () => {
    await browser?.close();
    host?.close();
  });

  const becomes = (/** @type {string} */ state) =>
    browser.until(`it is ${state}`, (state) => document.documentElement.dataset.state === state, state);

  test("a first visit is isolated after one reload and computes with as many threads as there are", async () => {
    await browser.open(`${host.base}?device=cpu&threads=3`);
    await becomes("ready");
    assert.equal(await browser.evaluate(() => crossOriginIsolated), true);
    await mark(browser);
    given = await browser.evaluate(whatIsGiven);
    assert.deepEqual({ ...given, ...needed }, given, "the browser is as expected");
    assert.equal(await browser.text("device-name"), given.threads ? "CPU, 3 threads" : "CPU, 1 thread");
    await browser.until("the files are kept", () => document.documentElement.dataset.offline === "ready");
    assert.ok(await marked(browser), "it is not loaded again");
    assert.equal(host.pages, 2, "the page was asked for twice");
  });

  test("a click on an object of the sample gives its mask, and Enter accepts it", async () => {
    await browser.click("open-sample");
    await becomes("encoded");
    if (!given.files) await dismissAbsence(browser);
    await clickImage(browser, object.x, object.y);
    await becomes("masked");
    const found = iou(await downloadedMask(browser), sample().labels, object.id);
    assert.ok(found > 0.8, `the mask's IoU with the label is ${found}`);
    await browser.screenshot(`target/${name.toLowerCase().replaceAll(/\W+/g, "_")}.png`);
    await browser.evaluate(() => document.getElementById("canvas")?.focus());
    await browser.press(ENTER);
    await browser.until("there is one object", () => document.getElementById("object-count")?.textContent === "1");
    assert.ok(await marked(browser), "it is not loaded again");
  });

  test("without a server, image and object are there after a reload, or it was said that they are not kept", async () => {
    // What is done is stored in the background.
    if (given.files) await browser.until("all is stored", () => dispatchEvent(new Event("beforeunload", { cancelable: true })));
    host.down = true;
    await browser.reload();
    if (given.files) {
      await browser.until("the object is there", () => document.getElementById("object-count")?.textContent === "1");
      assert.match(await browser.text("image-facts"), /^sample: 640 × 512/);
      await becomes("encoded");
    } else {
      await becomes("ready");
      await browser.click("open-sample");
      await becomes("encoded");
    }
    assert.ok(!(await marked(browser)), "this is another visit");
    assert.equal(await browser.evaluate(() => crossOriginIsolated), true);
    await clickImage(browser, object.x, object.y);
    await becomes("masked");
  });

  test("nothing is written to the console as an error, where one would be seen", async () => {
    assert.deepEqual(browser.errors, []);
    await browser.evaluate(() => {
      console.error("told");
      setTimeout(() => {
        throw new Error("thrown");
      });
    });
    const end = Date.now() + 10_000;
    while (browser.errors.length < 2 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(browser.errors.join("\n"), /told[^]*thrown|thrown[^]*told/);
  });
}

/** Called in the page. @returns {Given} */
function whatIsGiven() {
  const files = typeof FileSystemFileHandle === "function" && "createWritable" in FileSystemFileHandle.prototype;
  return { threads: typeof SharedArrayBuffer === "function", files: files && "getDirectory" in navigator.storage };
}

/** Marks the document, to tell it from one that is loaded later. @param {Driven} browser */
function mark(browser) {
  return browser.evaluate(() => void (document.documentElement.dataset.seen = "yes"));
}

/** Whether it is the marked document. @param {Driven} browser */
function marked(browser) {
  return browser.evaluate(() => document.documentElement.dataset.seen === "yes");
}

/** Reads that nothing is kept, once it is told, and dismisses it. @param {Driven} browser */
async function dismissAbsence(browser) {
  await browser.until("it is told that nothing is kept", () => document.getElementById("alert")?.hidden === false);
  const told = /^This browser keeps no files for this page, .* open the page in another window or browser to have them kept\.$/;
  assert.match(await browser.text("alert-text"), told);
  await browser.click("dismiss-alert");
}

/** Clicks an image point. @param {Driven} browser @param {number} x @param {number} y */
async function clickImage(browser, x, y) {
  // Of a layout that changes, the image is fitted to the last in the frame after it.
  await browser.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const point = await browser.evaluate(
    (x, y) => {
      const canvas = /** @type {HTMLElement} */ (document.getElementById("canvas"));
      const { left, top } = canvas.getBoundingClientRect();
      const { scale, offsetX, offsetY } = canvas.dataset;
      return { x: left + Number(offsetX) + x * Number(scale), y: top + Number(offsetY) + y * Number(scale) };
    },
    x,
    y,
  );
  await browser.clickAt(point);
}

/** The mask that the page downloads. @param {Driven} browser */
async function downloadedMask(browser) {
  await browser.click("download-mask");
  const end = Date.now() + 60_000;
  for (;;) {
    const name = existsSync(browser.downloads) && readdirSync(browser.downloads).find((name) => name.endsWith(".png"));
    try {
      if (name) return decode(readFileSync(join(browser.downloads, name)));
    } catch (error) {
      // It is not written to its end yet.
      if (Date.now() > end) throw error;
    }
    if (Date.now() > end) throw new Error(`No mask lies in ${browser.downloads}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
