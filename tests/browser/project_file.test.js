// The project as a file, from one browser to another, and what other tools find in it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { BlobReader, BlobWriter, configure, ZipReader } from "@zip.js/zip.js/index-native.min.js";

import { launch, openPage, waitState } from "./harness.js";
import { png, tiff } from "./image_files.js";
import { temporaryFolder } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

configure({ useWebWorkers: false });

const LIMIT = 180_000;
const [WIDTH, HEIGHT] = [70, 50];
const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Values from 0 to `last` in slanting stripes. @param {number} last */
function stripes(last) {
  return Array.from({ length: WIDTH * HEIGHT }, (_, i) => (((i % WIDTH) + 2 * Math.floor(i / WIDTH)) % 20) * (last / 19));
}

/** Object 3: a square with a hole; object 7: a square; object 65535: a pixel. */
function labelPlane() {
  const labels = new Uint16Array(WIDTH * HEIGHT);
  for (let y = 10; y < 20; y++) labels.fill(3, y * WIDTH + 5, y * WIDTH + 25);
  labels[15 * WIDTH + 12] = 0;
  for (let y = 30; y < 40; y++) labels.fill(7, y * WIDTH + 40, y * WIDTH + 50);
  labels[WIDTH * HEIGHT - 1] = 65535;
  return labels;
}

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page in a profile of its own, which downloads what it saves. */
async function open() {
  const opened = await openPage(browser, "about:blank");
  await opened.page.addInitScript(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
  await opened.page.goto(new URL("?device=cpu", process.env.GRAYSAM_URL).href);
  await waitState(opened.page, "ready", LIMIT);
  return opened;
}

/** @param {Page} page @param {number} count */
async function waitObjects(page, count) {
  await page.waitForFunction((wanted) => document.getElementById("object-count")?.textContent === wanted, String(count), {
    timeout: LIMIT,
  });
}

/** The path of the project file that the page downloads. @param {Page} page */
async function save(page) {
  const [download] = await Promise.all([page.waitForEvent("download", { timeout: LIMIT }), page.click("#save-project")]);
  assert.match(download.suggestedFilename(), /\.graysam\.zip$/);
  const path = join(temporaryFolder(), "work.graysam.zip");
  await download.saveAs(path);
  assert.equal(await page.isHidden("#alert"), true, (await page.textContent("#alert-text")) ?? "");
  return path;
}

/** The files in a project file, by path. @param {string} path @returns {Promise<Map<string, Buffer>>} */
async function contents(path) {
  const files = new Map();
  for (const entry of await new ZipReader(new BlobReader(new Blob([readFileSync(path)]))).getEntries()) {
    if (!entry.directory) files.set(entry.filename, Buffer.from(await (await entry.getData(new BlobWriter())).arrayBuffer()));
  }
  return files;
}

/** Two images, one with a display of its own and objects, of which one has a name and a class. @param {Page} page */
async function label(page) {
  await page.setInputFiles("#image-file", [
    { name: "a.png", mimeType: "", buffer: png(WIDTH, HEIGHT, Uint8Array.from(stripes(255))) },
    { name: "b.tif", mimeType: "", buffer: tiff(WIDTH, HEIGHT, Uint16Array.from(stripes(4000))) },
  ]);
  await waitState(page, "encoded", LIMIT);
  await page.setInputFiles("#label-file", { name: "labels.png", mimeType: "", buffer: png(WIDTH, HEIGHT, labelPlane()) });
  await waitObjects(page, 3);
  await page.selectOption("#window", "minmax");
  await page.click("#classes-details summary");
  await page.click("#add-class");
  await page.click("#objects li:first-child .object-name");
  await page.fill("#object-name", "nucleus 1");
  await page.keyboard.press("Tab");
  await page.selectOption("#object-class", { index: 1 });
  await page.click("#done-image");
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "0");
}

test("a project that is opened in another browser is the one that was saved", async () => {
  const first = await open();
  await label(first.page);
  const path = await save(first.page);

  const second = await open();
  await second.page.setInputFiles("#project-file", path);
  await second.page.waitForFunction(() => document.querySelectorAll("#images li").length === 2, undefined, { timeout: LIMIT });
  await second.page.click("#previous-image");
  await waitObjects(second.page, 3);
  assert.equal(await second.page.inputValue("#window"), "minmax");
  await second.page.click("#next-image");
  await second.page.waitForFunction(() => document.getElementById("object-count")?.textContent === "0");
  const [before, after] = [await contents(path), await contents(await save(second.page))];
  assert.deepEqual([...after.keys()], [...before.keys()]);
  for (const [name, bytes] of before) assert.ok(after.get(name)?.equals(bytes), `${name} is the same`);
  assert.deepEqual([...first.observed.errors, ...second.observed.errors], []);
  await first.page.context().close();
  await second.page.context().close();
});

test("other tools read the label images and the COCO file of a project", { skip: !process.env.GRAYSAM_PYTHON }, async () => {
  const { page } = await open();
  await label(page);
  const path = await save(page);
  const plane = join(temporaryFolder(), "labels.raw");
  writeFileSync(plane, labelPlane());
  const python = process.env.GRAYSAM_PYTHON ?? "";
  const script = "tests/python/read_project.py";
  const read = JSON.parse(execFileSync(python, [script, path, plane, String(WIDTH), String(HEIGHT)], { encoding: "utf8" }));
  assert.deepEqual(read, { labels: ["labels/a-labels.tif"], areas: { 3: 199, 7: 100, 65535: 1 }, classes: ["object", "Class 1"] });
  await page.context().close();
});

test("where the browser asks where to write, the project is written there", async () => {
  const { page } = await open();
  await label(page);
  const path = await save(page);
  const bytes = await page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle("chosen.zip", { create: true });
    Object.assign(window, { showSaveFilePicker: async () => handle });
    document.getElementById("save-project")?.click();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const file = await handle.getFile();
      if (file.size > 0) return [...new Uint8Array(await file.arrayBuffer())];
    }
  });
  const chosen = join(temporaryFolder(), "chosen.zip");
  writeFileSync(chosen, Uint8Array.from(bytes));
  const [downloaded, written] = [await contents(path), await contents(chosen)];
  for (const [name, content] of downloaded) assert.ok(written.get(name)?.equals(content), `${name} is the same`);
  await page.context().close();
});

test("the question is answered by the keyboard, read by screen readers, and what is replaced comes back by undo", async () => {
  const first = await open();
  await label(first.page);
  const path = await save(first.page);
  await first.page.context().close();

  const { page, observed } = await open();
  const names = () => page.locator("#images li").count();
  await page.setInputFiles("#image-file", [
    { name: "c.png", mimeType: "", buffer: png(WIDTH, HEIGHT, Uint8Array.from(stripes(99))) },
    { name: "d.png", mimeType: "", buffer: png(WIDTH, HEIGHT, Uint8Array.from(stripes(9))) },
    { name: "e.png", mimeType: "", buffer: png(WIDTH, HEIGHT, Uint8Array.from(stripes(50))) },
  ]);
  await waitState(page, "encoded", LIMIT);
  const ask = async () => {
    await page.setInputFiles("#project-file", path);
    await page.waitForSelector("#project-question[open]", { timeout: LIMIT });
  };
  await ask();
  await page.screenshot({ path: "target/project_question.png" });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "merge-project");
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await /** @type {any} */ (window).axe.run("#project-question")).violations);
  assert.deepEqual(violations, []);
  await page.keyboard.press("Escape");
  assert.deepEqual([await page.isVisible("#project-question"), await names()], [false, 3]);

  await ask();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 2);
  await waitState(page, "encoded", LIMIT);
  await page.click("#undo-label");
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 3);

  await ask();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 5);
  assert.deepEqual(observed.errors, []);
  await page.context().close();
});

test("a cut file is refused in a sentence, and so is one that is dropped and no project", async () => {
  const { page } = await open();
  await label(page);
  const whole = readFileSync(await save(page));
  for (const [buffer, sentence] of /** @type {[Buffer, RegExp][]} */ ([
    [whole.subarray(0, whole.length / 2), /^work\.graysam\.zip cannot be opened\. Its end is missing or damaged/],
    [Buffer.from("no zip"), /^work\.graysam\.zip cannot be opened\. It is no zip file/],
  ])) {
    await page.setInputFiles("#image-file", { name: "work.graysam.zip", mimeType: "", buffer });
    await page.waitForSelector("#alert:not([hidden])");
    assert.match((await page.textContent("#alert-text")) ?? "", sentence);
    await page.click("#dismiss-alert");
    assert.equal(await page.locator("#images li").count(), 2);
  }
  await page.context().close();
});
