// The engine dies in the midst of work: the page says so, starts another one and brings the work back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changeEngine, clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { downloadedMask, largestObject, sample } from "./sample.js";

const LIMIT = 180_000;

/** Appended to the engine's module: its second PNG of a mask ends in a trap. */
const TRAP = `{
  const original = Engine.prototype.mask_png;
  let calls = 0;
  Engine.prototype.mask_png = function () {
    calls += 1;
    if (calls === 2) throw new WebAssembly.RuntimeError("memory access out of bounds");
    return original.call(this);
  };
}`;

/**
 * Appended to the engine's module: when the sample is opened for the second time, it is opened once more while the
 * engine reads it, at which Rust panics. The bindings would make an error of that trap, so it is thrown again at the end.
 */
const PANIC = `{
  const original = Engine.prototype.open_sample;
  let calls = 0;
  Engine.prototype.open_sample = function () {
    calls += 1;
    const info = original.call(this);
    if (calls !== 2) return info;
    let trap;
    const stringify = JSON.stringify;
    JSON.stringify = (value) => {
      JSON.stringify = stringify;
      try {
        original.call(this);
      } catch (error) {
        trap = error;
      }
      return stringify(value);
    };
    this.colours({ window: "minmax", black: 0, white: 1, gamma: 1, invert: false, colormap: "gray" });
    if (trap) throw trap;
    return info;
  };
}`;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The sentence of the alert that shows now. @param {import("./harness.js").Page} page */
async function alertText(page) {
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  return (await page.textContent("#alert-text")) ?? "";
}

/** What the panel says of the mask. @param {import("./harness.js").Page} page */
function maskPanel(page) {
  return page.evaluate(() => ["candidate-text", "predicted-iou"].map((id) => document.getElementById(id)?.textContent));
}

test("after a trap and after a panic the same mask comes back", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  const additions = await changeEngine(page, TRAP, PANIC);
  // Each further thread would load the module, too.
  await openPath(page, "?device=cpu&threads=1");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  const object = largestObject(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  const chosen = (await page.isEnabled("#candidate-next")) ? "#candidate-next" : "#candidate-previous";
  await page.click(chosen);
  await waitState(page, "masked", LIMIT);
  const [mask, panel] = [await downloadedMask(page), await maskPanel(page)];

  await page.click("#download-mask");
  const trap = await alertText(page);
  assert.match(trap, /^The engine crashed \(memory access out of bounds\) and was started again; .* restored\.$/);
  await waitState(page, "masked", LIMIT);
  assert.equal(additions.length, 0, "a second engine was loaded");
  assert.deepEqual(await maskPanel(page), panel);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
  await page.click("#dismiss-alert");

  await page.click("#open-sample");
  const panic = await alertText(page);
  assert.match(panic, /^The engine crashed \(panicked at src\/web\/\w+\.rs:.*borrowed.*\) and was started again/s);
  await waitState(page, "masked", LIMIT);
  assert.deepEqual(await maskPanel(page), panel);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
});

test("an engine that never starts is given up, until the person asks for something", async () => {
  const { page } = await openPage(browser, "www/icon.svg");
  let starts = 0;
  await page.context().route("**/www/engine/worker.js", (route) => {
    starts += 1;
    return route.abort();
  });
  await openPath(page, "?device=cpu");
  await waitState(page, "stopped", LIMIT);
  assert.match(await alertText(page), /its files could not be loaded.* 4 times in a row and was stopped/);
  assert.equal(starts, 4);
  await page.context().unroute("**/www/engine/worker.js");
  await page.click("#open-sample");
  await waitState(page, "encoding", LIMIT);
});
