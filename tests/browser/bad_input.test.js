// Files that cannot be used, while there is work to lose: the page says what is wrong and keeps the work.

import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { callingCheckpoint, withHeader, withHeaderLength } from "./checkpoint_files.js";
import { clickImage, launch, openPage, waitState } from "./harness.js";
import { bmp, png, pngDeclaring, tiff } from "./image_files.js";
import { downloadedMask, largestObject, sample, temporaryFolder } from "./sample.js";

const LIMIT = 60_000;

/** @type {import("./harness.js").Browser} */
let browser;
/** @type {import("./harness.js").Page} */
let page;
/** @type {Awaited<ReturnType<typeof work>>} */
let kept;
const folder = temporaryFolder();

before(async () => {
  browser = await launch();
  ({ page } = await openPage(browser, "?device=cpu"));
  await page.click("#open-sample");
  await waitState(page, "encoded", 180_000);
  const object = largestObject(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  // Out of the canvas, whose line of coordinates would change.
  await page.hover("h1");
  kept = await work();
  await page.evaluate(() => {
    const states = /** @type {(string | undefined)[]} */ ([]);
    const root = document.documentElement;
    new MutationObserver(() => states.push(root.dataset.state)).observe(root, { attributeFilter: ["data-state"] });
    Object.assign(window, { states });
  });
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** All that a bad file must leave as it is. */
async function work() {
  const mask = await downloadedMask(page);
  const seen = await page.evaluate(() => {
    const texts = ["image-facts", "display-note", "predicted-iou", "candidate-text", "model-name", "model-size", "device-name"];
    const canvas = document.getElementById("canvas");
    return {
      texts: texts.map((id) => document.getElementById(id)?.textContent),
      picture: canvas instanceof HTMLCanvasElement ? canvas.toDataURL() : "",
    };
  });
  return { ...seen, mask: [mask.width, mask.height, ...Array.from(mask.data)] };
}

/**
 * Opens the file and checks that its problem is told and nothing is lost.
 * @param {string} input @param {string | {name: string, mimeType: string, buffer: Buffer}} file @param {RegExp} problem
 */
async function assertRefused(input, file, problem) {
  await page.evaluate(() => Reflect.get(window, "states").splice(0));
  await page.setInputFiles(input, file);
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  await waitState(page, "masked", LIMIT);
  const sentence = (await page.textContent("#alert-text")) ?? "";
  assert.match(sentence, problem);
  assert.match(sentence, /^[A-Z\d].*\.$/, "it is a sentence");
  assert.doesNotMatch(sentence, /[.!?] [A-Z]|undefined|\[object/, "it is one sentence");
  await page.click("#dismiss-alert");
  await page.waitForSelector("#alert", { state: "hidden" });
  assert.deepEqual(await page.evaluate(() => [...new Set(Reflect.get(window, "states"))].sort()), ["loading", "masked"]);
  assert.deepEqual(await work(), kept);
}

/** @param {string} name @param {Buffer} buffer @param {RegExp} problem */
function refusedImage(name, buffer, problem) {
  return assertRefused("#image-file", { name, mimeType: "", buffer }, problem);
}

/** Checkpoints are large, so they are given as files. @param {string} name @param {Buffer} content @param {RegExp} problem */
function refusedModel(name, content, problem) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return assertRefused("#model-file", path, problem);
}

test("files that are no whole image", async () => {
  await refusedImage("empty.png", Buffer.alloc(0), /is empty/);
  const whole = readFileSync(sample().imagePath);
  await refusedImage("truncated.png", whole.subarray(0, whole.length / 2), /ends before its image does/);
  await refusedImage("text.png", Buffer.from("x,y\n1,2\n"), /not a PNG/);
});

test("images without pixels or with too many", async () => {
  await refusedImage("none.png", pngDeclaring(0, 4), /0 × 4 pixels/);
  await refusedImage("none.bmp", bmp(4, 0, Uint8Array.of()), /4 ?[×x] ?0/);
  await refusedImage("one.png", png(1, 1, Uint8Array.of(9)), /1 × 1 pixels/);
  await refusedImage("line.bmp", bmp(5, 1, Uint8Array.of(0, 1, 2, 3, 4)), /5 × 1 pixels/);
  await refusedImage("huge.png", pngDeclaring(30_000, 30_000), /30000 × 30000 pixels.*limit/);
});

test("images with nothing to segment", async () => {
  await refusedImage("constant.png", png(8, 8, new Uint8Array(64).fill(77)), /same value, 77/);
  await refusedImage("nan.tif", tiff(4, 4, new Float32Array(16).fill(NaN)), /same value, no number/);
});

test("checkpoints that are no whole MobileSAM", async () => {
  const address = new URL("www/models/mobile_sam.safetensors", process.env.GRAYSAM_URL);
  const whole = Buffer.from(await (await fetch(address)).arrayBuffer());
  const name = "mask_decoder.iou_token.weight";
  const missing = withHeader(whole, (tensors) => delete tensors[name]);
  await refusedModel("missing.safetensors", missing, /its mask decoder is missing or not whole/);
  const turned = withHeader(whole, (tensors) => tensors[name].shape.reverse());
  await refusedModel("turned.safetensors", turned, /iou_token\.weight has shape \[256, 1\].*needs \[1, 256\]/);
  await refusedModel("truncated.safetensors", whole.subarray(0, whole.length - 1000), /cut short/);
  await refusedModel("hostile.safetensors", withHeaderLength(whole, 1n << 60n), /header claims 1152921504606846976 bytes/);
});

test("files that are no checkpoint, or more than one", async () => {
  await refusedModel("calls.pth", callingCheckpoint("echo run"), /holds no named tensors/);
  await refusedModel("text.safetensors", Buffer.from("these are the weights"), /not a checkpoint/);
  await refusedModel("empty.pth", Buffer.alloc(0), /not a checkpoint/);
});

test("a bad file during an encode does not end it", async () => {
  await page.selectOption("#window", "full");
  await waitState(page, "encoding", LIMIT);
  await page.setInputFiles("#image-file", { name: "empty.png", mimeType: "", buffer: Buffer.alloc(0) });
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  await waitState(page, "encoding", LIMIT);
  // The encode of this window was done before, so its embedding is there at once.
  await page.selectOption("#window", "percentile");
  await page.click("#dismiss-alert");
  await waitState(page, "masked", LIMIT);
  await page.hover("h1");
  assert.deepEqual(await work(), kept);
});
