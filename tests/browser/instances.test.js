// A decoder of instances beside the model, as a person opens it and searches with it. Its weights are noise, which finds
// objects that mean nothing, but the same ones as the command line.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { decode } from "fast-png";

import { clickImage, launch, openPage, waitState } from "./harness.js";
import { graysam, sample, temporaryFolder } from "./sample.js";

const LIMIT = 300_000;
/** With these, noise makes objects. */
const THRESHOLDS = { foreground: "0.45", centre: "0.6", boundary: "0.6" };

/** @type {import("./harness.js").Browser} */
let browser;
const folder = temporaryFolder();
const decoder = join(folder, "noise_decoder.safetensors");
before(async () => {
  graysam(["noise", "--config", "instance_decoder", "--out", decoder]);
  browser = await launch();
});
after(() => browser.close());

/** A page with the sample and the decoder open. */
async function openBoth() {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  assert.equal(await page.isVisible("#find-way"), false, "MobileSAM has no decoder of instances");
  await page.setInputFiles("#model-file", decoder);
  await page.waitForSelector("#find-way:not([hidden])", { timeout: LIMIT });
  await page.click("#everything-details summary");
  for (const [name, value] of Object.entries(THRESHOLDS)) await page.fill(`#instance-${name}`, value);
  return { page, observed };
}

/** Memory of the engine in MiB. @param {import("./harness.js").Page} page */
async function memoryOf(page) {
  return Number(/([\d,]+) MiB/.exec((await page.textContent("#status")) ?? "")?.[1].replaceAll(",", ""));
}

/** What the command line finds with the same files. @param {string} method */
async function foundNatively(method) {
  const address = new URL("www/models/mobile_sam.safetensors", process.env.GRAYSAM_URL);
  const [model, out] = [join(folder, "mobile_sam.safetensors"), join(folder, `${method}.png`)];
  writeFileSync(model, Buffer.from(await (await fetch(address)).arrayBuffer()));
  const { foreground, centre, boundary } = THRESHOLDS;
  const thresholds = ["--foreground-threshold", foreground, "--center-distance-threshold", centre];
  const files = ["--model", model, "--instance-decoder", decoder, "--image", sample().imagePath, "--out", out];
  graysam(["find", ...files, ...thresholds, "--boundary-distance-threshold", boundary, "--method", method]);
  return decode(readFileSync(out)).data;
}

/** The share of pixels that are of an object in both or in none, and in the same one. @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function sameShare(a, b) {
  /** @type {Map<number, Map<number, number>>} */
  const pairs = new Map();
  for (let i = 0; i < a.length; i++) {
    const row = pairs.get(a[i]) ?? new Map();
    pairs.set(a[i], row.set(b[i], (row.get(b[i]) ?? 0) + 1));
  }
  const most = [...pairs.values()].map((row) => Math.max(...row.values()));
  return most.reduce((sum, count) => sum + count, 0) / a.length;
}

test("a decoder of instances is opened beside the model, and finds what the command line finds", async () => {
  const { page, observed } = await openBoth();
  assert.match((await page.textContent("#alert-text")) ?? "", /^noise_decoder.safetensors is open beside MobileSAM\. .* trained with\.$/);
  await page.click("#dismiss-alert");
  const before = await memoryOf(page);
  const start = performance.now();
  await page.click("#find-everything");
  await page.waitForSelector("#everything-progress:not([hidden])");
  await clickImage(page, 320, 256);
  await waitState(page, "masked", LIMIT);
  assert.ok(await page.isVisible("#everything-progress"), "a click is answered meanwhile");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#find-everything:not([hidden])", { timeout: LIMIT });
  await page.waitForFunction(() => Number(document.getElementById("object-count")?.textContent) > 0);
  const seconds = (performance.now() - start) / 1000;
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
  const labels = decode(readFileSync(await download.path())).data;
  const share = sameShare(await foundNatively("ais"), labels);
  const count = new Set(labels).size - 1;
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  const more = (await memoryOf(page)) - before;
  console.log(`${count} objects in ${seconds.toFixed(1)} s with ${more} MiB more; ${share.toFixed(4)} of the pixels as natively`);
  assert.ok(count > 5 && share > 0.99);
  assert.ok(more < 700, `the engine took ${more} MiB more`);
  assert.deepEqual(observed.errors, []);
});

test("a search for instances is cancelled at once, and by points it gives masks", async () => {
  const { page, observed } = await openBoth();
  await page.selectOption("#find-method", "prompts");
  await page.click("#find-everything");
  await page.waitForFunction(() => {
    const bar = document.getElementById("everything-bar");
    return bar instanceof HTMLProgressElement && bar.value > 0.4;
  });
  const start = performance.now();
  await page.click("#cancel-everything");
  await clickImage(page, 320, 256);
  await waitState(page, "masked", LIMIT);
  console.log(`cancelled, and a click answered, after ${Math.round(performance.now() - start)} ms`);
  await page.keyboard.press("Escape");
  await page.click("#find-everything");
  await page.waitForFunction(() => /^[1-9]/.test(document.getElementById("everything-found")?.textContent ?? ""), undefined, {
    timeout: LIMIT,
  });
  await page.click("#cancel-everything");
  await page.selectOption("#find-method", "grid");
  assert.equal(await page.isVisible("#everything-points"), true, "automatic masks have settings of their own");
  assert.equal(await page.isVisible("#instance-foreground"), false);
  assert.deepEqual(observed.errors, []);
});

test("decoders that do not fit or are cut are refused in a sentence, and what was there stays", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await waitState(page, "ready", LIMIT);
  const cut = join(folder, "cut.safetensors");
  writeFileSync(cut, readFileSync(decoder).subarray(0, 1 << 20));
  await page.setInputFiles("#model-file", cut);
  await page.waitForSelector("#alert:not([hidden])");
  assert.match((await page.textContent("#alert-text")) ?? "", /cut|damaged|incomplete|shorter|end/);
  assert.equal(await page.textContent("#model-name"), "MobileSAM");
  const tiny = join(folder, "tiny.safetensors");
  graysam(["noise", "--config", "tiny", "--out", tiny]);
  await page.click("#dismiss-alert");
  await page.setInputFiles("#model-file", [decoder, tiny]);
  await page.waitForSelector("#alert:not([hidden])");
  assert.match(
    (await page.textContent("#alert-text")) ?? "",
    /^The decoder of instances is for embeddings of 256 channels, but this model's have \d+: open the model/,
  );
  assert.equal(await page.isVisible("#find-way"), false);
});
