// Fine-tuning as a person does it: train on labels, watch, stop, go on, compare, take the decoder home; and what
// goes wrong on the way.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { withHeader } from "./checkpoint_files.js";
import { changeEngine, clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { png } from "./image_files.js";
import { downloadedMask, graysam, iou, largestObject, sample, temporaryFolder } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 240_000;
const { labels } = sample();
const object = largestObject(labels);
const folder = temporaryFolder();
const decoderPath = join(folder, "decoder.safetensors");

/** @type {import("./harness.js").Browser} */
let browser;
/** Of all tests but the first, so that the sample is encoded once. @type {Page} */
let page;
before(async () => {
  browser = await launch();
  ({ page } = await openPage(browser, "www/icon.svg"));
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** Waits for the training's phase; the page's sentences are told when it does not come. @param {Page} page @param {string} phase */
async function waitTraining(page, phase) {
  try {
    await page.waitForFunction((wanted) => document.documentElement.dataset.training === wanted, phase, { timeout: LIMIT });
  } catch (error) {
    const told = [await page.textContent("#training-state"), await page.textContent("#alert-text")];
    throw new Error(`The training did not become "${phase}": ${JSON.stringify(told)}`, { cause: error });
  }
}

/** Steps done, as the panel counts them. @param {Page} page */
async function stepCount(page) {
  return Number(/^Step (\d+) of \d+$/.exec((await page.textContent("#training-count")) ?? "")?.[1]);
}

/** @param {Page} page @param {number} step */
async function waitStep(page, step) {
  await page.waitForFunction(
    (step) => Number(/^Step (\d+) /.exec(document.getElementById("training-count")?.textContent ?? "")?.[1]) >= step,
    step,
    { timeout: LIMIT },
  );
}

/** The alert, which is then dismissed. @param {Page} page */
async function alertText(page) {
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  const sentence = (await page.textContent("#alert-text")) ?? "";
  assert.match(sentence, /^[A-Z\d].*\.$/s, "it is a sentence");
  assert.doesNotMatch(sentence, /undefined|\[object/);
  await page.click("#dismiss-alert");
  return sentence;
}

/** A label image with the objects of these numbers alone. @param {(id: number) => boolean} kept */
function labelFile(kept) {
  const ids = Uint16Array.from(labels.data, (id) => (kept(id) ? id : 0));
  return { name: "labels.png", mimeType: "image/png", buffer: png(labels.width, labels.height, ids) };
}

const someLabels = labelFile((id) => id <= 20 || id === object.id);

/** So few that judging them takes no time. */
const fewLabels = labelFile((id) => id <= 6);

/** Opens the page without labels or a training, but with the sample encoded. */
async function openSample() {
  await openPath(page, "www/icon.svg");
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    for (const folder of ["training", "project"]) {
      // The worker of the page before may still hold a file.
      for (let tries = 100; ; tries -= 1) {
        const error = await root.removeEntry(folder, { recursive: true }).catch((error) => error);
        if (!error || error.name === "NotFoundError") break;
        if (tries === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  });
  await openPath(page, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
}

/** Opens the page with a few objects of the sample labelled. */
async function openLabelled() {
  await openSample();
  await page.setInputFiles("#label-file", fewLabels);
  await waitTraining(page, "ready");
}

/** @param {Page} page @param {Record<string, number>} settings by the id of their control */
async function train(page, settings) {
  if (!(await page.isVisible("#training-steps"))) await page.click("#training-details summary");
  for (const [id, value] of Object.entries(settings)) await page.fill(`#${id}`, String(value));
  await page.click("#train");
}

/** @param {Page} page @param {string} id */
async function figure(page, id) {
  return Number(await page.textContent(`#${id}`));
}

/** So that the decoder in use chooses the candidate. @param {Page} page */
async function clickAnew(page) {
  await page.click("#clear");
  await waitState(page, "encoded");
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
}

/** The colours in the pane of the untouched decoder, where a mask tints the gray image. @param {Page} page */
function untouchedTint(page) {
  return page.locator("#canvas-untouched").evaluate((canvas) => {
    const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
    const pixels = /** @type {HTMLCanvasElement} */ (canvas).getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
    let tinted = 0;
    for (let i = 0; i < pixels.length; i += 4) tinted += Number(pixels[i + 2] > pixels[i] + 40);
    return tinted;
  });
}

test("training improves the held-out IoU while clicks are answered; the decoder gives the same mask elsewhere", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  // Judging all sixty takes longer than the training.
  await page.setInputFiles("#label-file", someLabels);
  await waitTraining(page, "ready");
  await train(page, { "training-steps": 4 });
  await waitTraining(page, "training");
  await waitStep(page, 1);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.training), "training", "the training goes on");
  assert.ok(iou(await downloadedMask(page), labels, object.id) > 0.8);

  await waitTraining(page, "done");
  for (const prompt of ["point", "box"]) {
    const [untouched, tuned] = [await figure(page, `${prompt}-before`), await figure(page, `${prompt}-after`)];
    console.log(`held-out IoU from a ${prompt}: ${untouched} before, ${tuned} after`);
    assert.ok(untouched > 0.5 && tuned > untouched, `${prompt}: ${untouched} → ${tuned}`);
  }
  assert.match((await page.getAttribute("#training-plot", "aria-label")) ?? "", /after step 4.* Loss \d\.\d+ at step 4\.$/);

  assert.equal(await page.isChecked("#use-fine-tuned"), true);
  await clickAnew(page);
  await page.check("#compare-decoders");
  await page.waitForFunction(() => /pixels$/.test(document.getElementById("untouched-caption")?.textContent ?? ""));
  assert.ok((await untouchedTint(page)) > 100, "the untouched decoder's mask is shown");
  const areas = [await page.textContent("#untouched-caption"), await page.textContent("#fine-tuned-caption")];
  assert.match(areas.join("; "), /^Untouched: [\d,]+ pixels; Fine-tuned: [\d,]+ pixels$/);
  await page.locator("#training-plot").scrollIntoViewIfNeeded();
  await page.screenshot({ path: "target/training.png" });
  const mask = await downloadedMask(page);
  await page.check("#use-untouched");
  assert.equal(await page.isVisible("#canvas-untouched"), false);
  await waitState(page, "masked");
  await clickAnew(page);
  const untouched = await downloadedMask(page);
  assert.notDeepEqual(untouched.data, mask.data);
  const area = Array.from(untouched.data).filter(Boolean).length;
  assert.equal(areas[0], `Untouched: ${area.toLocaleString("en")} pixels`);

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-decoder")]);
  assert.equal(download.suggestedFilename(), "MobileSAM-fine-tuned-decoder.safetensors");
  await download.saveAs(decoderPath);
  assert.deepEqual(observed.errors, []);

  const { page: other } = await openPage(browser, "?device=cpu");
  await other.click("#open-sample");
  await waitState(other, "encoded", LIMIT);
  await other.setInputFiles("#decoder-file", decoderPath);
  await other.waitForSelector("#use-fine-tuned:checked", { timeout: LIMIT });
  await clickImage(other, object.x, object.y);
  await waitState(other, "masked");
  assert.deepEqual((await downloadedMask(other)).data, mask.data);
  assert.equal(await figure(other, "point-after"), await figure(page, "point-after"));
  await Promise.all([page.context().close(), other.context().close()]);
});

test("a decoder without a tensor, or of another base, is refused and changes nothing", async () => {
  await openPath(page, "?device=cpu");
  await waitState(page, "ready", LIMIT);
  const whole = readFileSync(decoderPath);
  const wrong = {
    missing: withHeader(whole, (tensors) => delete tensors["mask_decoder.iou_token.weight"]),
    other: withHeader(whole, (tensors) => Object.assign(tensors.__metadata__, { base_sha256: "0".repeat(64) })),
  };
  const sentences = [];
  for (const [name, content] of Object.entries(wrong)) {
    const path = join(folder, `${name}.safetensors`);
    writeFileSync(path, content);
    await page.setInputFiles("#decoder-file", path);
    sentences.push(await alertText(page));
    assert.equal(await page.isVisible("#use-fine-tuned"), false);
  }
  assert.match(sentences[0], /mask_decoder\.iou_token\.weight/);
  assert.match(sentences[1], /another model \(MobileSAM, SHA-256 0000/);
});

test("one object is not enough, and the reason stands beside the button", async () => {
  await openSample();
  await page.setInputFiles(
    "#label-file",
    labelFile((id) => id === object.id),
  );
  await page.waitForFunction(() => document.getElementById("training-obstacle")?.textContent?.startsWith("One object"));
  assert.equal(await page.isDisabled("#train"), true);
  assert.equal(await page.getAttribute("html", "data-training"), "none");
});

test("a training is stopped, goes on, and after a reload goes on from its checkpoint, unless the labels changed", async () => {
  await openLabelled();
  await train(page, { "training-steps": 60 });
  await waitStep(page, 2);
  await page.click("#stop-training");
  await waitTraining(page, "stopped");
  const stopped = Number(/^Stopped after step (\d+) of 60/.exec((await page.textContent("#training-state")) ?? "")?.[1]);
  assert.ok(stopped >= 2);
  await page.click("#resume-training");
  await waitTraining(page, "training");
  assert.ok((await stepCount(page)) >= stopped);
  await waitStep(page, stopped + 1);

  // The labels are stored a moment after their last change, the checkpoint at the stop.
  await page.reload();
  await waitTraining(page, "stored");
  assert.match((await page.textContent("#training-state")) ?? "", new RegExp(`after step ${stopped} of 60, is kept`));
  await page.waitForSelector("#resume-training:enabled", { timeout: LIMIT });
  await page.click("#resume-training");
  await waitTraining(page, "training");
  assert.ok((await stepCount(page)) >= stopped);
  await waitStep(page, stopped + 1);
  await page.click("#stop-training");
  await waitTraining(page, "stopped");

  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await page.setInputFiles(
    "#label-file",
    labelFile((id) => id <= 7),
  );
  await page.waitForFunction(() => /7 /.test(document.getElementById("training-set")?.textContent ?? ""));
  await page.click("#resume-training");
  assert.match(await alertText(page), /labels have changed since this training began/);
  await waitTraining(page, "stored");
  await page.setInputFiles("#label-file", fewLabels);
  await page.waitForFunction(() => /6 /.test(document.getElementById("training-set")?.textContent ?? ""));
  await page.click("#resume-training");
  await waitTraining(page, "training");
  await page.click("#stop-training");
  await waitTraining(page, "stopped");
  await page.click("#discard-training");
  await waitTraining(page, "ready");
  await page.reload();
  await waitTraining(page, "ready");
});

test("of two images one is held out, and choosing the other changes what is judged", async () => {
  await openLabelled();
  const second = join(folder, "second.png");
  graysam(["sample", "--image", second, "--labels", join(folder, "second-labels.png")]);
  await page.setInputFiles("#image-file", second);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("second.png"));
  await waitState(page, "encoded", LIMIT);
  await page.setInputFiles(
    "#label-file",
    labelFile((id) => id <= 3),
  );
  await page.waitForSelector("#training-set li:nth-child(2)");
  const uses = () =>
    page.locator("#training-set select").evaluateAll((all) => all.map((one) => /** @type {HTMLSelectElement} */ (one).value));
  assert.deepEqual(await uses(), ["training", "held-out"]);

  for (const [heldOut, objects] of [
    [1, 3],
    [0, 6],
  ]) {
    await train(page, { "training-steps": 1, "learning-rate": 1e-4 });
    await waitTraining(page, "done");
    assert.match((await page.textContent("#scores-caption")) ?? "", new RegExp(`of ${objects} held-out objects`));
    if (heldOut === 0) break;
    await page.locator("#training-set select").nth(1).selectOption("training");
    await page.locator("#training-set select").nth(0).selectOption("held-out");
    assert.deepEqual(await uses(), ["held-out", "training"]);
  }
});

test("another model stops the training and keeps its checkpoint", async () => {
  await openLabelled();
  const address = new URL("www/models/mobile_sam.safetensors", process.env.GRAYSAM_URL);
  const model = Buffer.from(await (await fetch(address)).arrayBuffer());
  const other = join(folder, "other.safetensors");
  writeFileSync(
    other,
    withHeader(model, (tensors) => Object.assign(tensors, { __metadata__: { origin: "elsewhere" } })),
  );
  await train(page, { "training-steps": 60 });
  await waitStep(page, 1);
  await page.setInputFiles("#model-file", other);
  assert.match(await alertText(page), /^The training was stopped, because it belongs to the model before/);
  await waitTraining(page, "stored");
  await page.click("#resume-training");
  assert.match(await alertText(page), /^The training was begun on another model/);
  await page.setInputFiles("#decoder-file", decoderPath);
  assert.match(await alertText(page), /made from another model/);
  await page.click("#use-mobile-sam");
  await page.waitForFunction(() => document.getElementById("state-mobile-sam")?.textContent === "in use", null, { timeout: LIMIT });
  await page.click("#resume-training");
  await waitTraining(page, "training");
  assert.ok((await stepCount(page)) >= 1);
});

/** Appended to the engine's module: the first step's loss is no number, and a later piece of training is a trap. */
const TRAP = `{
  const original = Engine.prototype.train;
  let calls = 0;
  Engine.prototype.train = async function () {
    const report = await original.call(this);
    calls += 1;
    if (calls === 9) throw new WebAssembly.RuntimeError("memory access out of bounds");
    return report.step === 1 && report.loss !== undefined ? { ...report, loss: null } : report;
  };
}`;

test("after a crash the training goes on from its checkpoint, and a skipped step is told", async () => {
  await changeEngine(page, TRAP);
  await openLabelled();
  await train(page, { "training-steps": 60 });
  await waitStep(page, 1);
  await page.click("#stop-training");
  await waitTraining(page, "stopped");
  assert.match((await page.textContent("#training-outcome")) ?? "", /^1 step skipped, because the loss was no number\./);
  const kept = Number(/step (\d+)/.exec((await page.textContent("#training-state")) ?? "")?.[1]);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const mask = await downloadedMask(page);
  await page.click("#resume-training");
  const crash = await alertText(page);
  const from = /^The engine crashed \(memory access out of bounds\).*goes on from its last checkpoint, after step (\d+)\.$/.exec(
    crash,
  )?.[1];
  assert.ok(Number(from) >= kept, crash);
  await waitTraining(page, "training");
  await waitStep(page, Number(from) + 1);
  await waitState(page, "masked", LIMIT);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
  await page.context().unroute("**/engine/graysam.js");
});

test("a full storage is told once, and the training goes on", async () => {
  await openLabelled();
  const devtools = await page.context().newCDPSession(page);
  const origin = new URL(process.env.GRAYSAM_URL ?? "").origin;
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 10_000_000 });
  await train(page, { "training-steps": 60 });
  await waitStep(page, 1);
  await page.click("#stop-training");
  assert.match(await alertText(page), /storage has no room for the training's checkpoint/);
  await waitTraining(page, "stopped");
  await page.click("#resume-training");
  await waitTraining(page, "training");
  await waitStep(page, 2);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  await page.click("#stop-training");
  await waitTraining(page, "stopped");
  assert.equal(await page.isVisible("#alert"), false);
  await page.reload();
  await waitTraining(page, "stored");
});

/** Appended to the engine's module: a piece of training fails for good, as it does after three broken losses. */
const FAILURE = `{
  const original = Engine.prototype.train;
  Engine.prototype.train = async function () {
    const report = await original.call(this);
    if (report.step === 2) throw new Error("The loss was no number.");
    return report;
  };
}`;

test("an error of the training stops it, and what was trained can be resumed", async () => {
  await changeEngine(page, FAILURE);
  await openLabelled();
  await train(page, { "training-steps": 60 });
  assert.equal(await alertText(page), "The loss was no number.");
  await waitTraining(page, "stopped");
  await page.context().unroute("**/engine/graysam.js");
  await page.reload();
  await waitTraining(page, "stored");
  await page.waitForSelector("#resume-training:enabled", { timeout: LIMIT });
  await page.click("#resume-training");
  await waitStep(page, 3);
});

test("when nothing beats the untouched decoder, that is told and it stays in use", async () => {
  await openLabelled();
  // At such a rate a single step wrecks the decoder.
  await train(page, { "training-steps": 2, "learning-rate": 1 });
  await waitTraining(page, "done");
  assert.match((await page.textContent("#training-outcome")) ?? "", /^Nothing beat the untouched decoder/);
  assert.equal(await page.isVisible("#use-fine-tuned"), false, "there is no fine-tuned decoder");
});
