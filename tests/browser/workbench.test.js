// Objects, classes, images and exports, as a person works with them.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { decode } from "fast-png";

import { waitStored } from "./brush_work.js";
import { clickImage, dragImage, launch, openPage, openPath, toScreen, waitState } from "./harness.js";
import { png } from "./image_files.js";
import { downloadedMask, largestObject, sample, temporaryFolder } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 180_000;

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page with the sample and its labels. */
async function openLabelled() {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await page.click("#use-sample-labels");
  await page.waitForSelector("#objects li");
  return { page, observed };
}

/** @param {Page} page */
async function downloadedLabels(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download-labels")]);
  return decode(readFileSync(await download.path()));
}

/** @param {Page} page */
async function count(page) {
  return Number(await page.textContent("#object-count"));
}

/** Pixels of an object. @param {{data: ArrayLike<number>}} labels @param {number} id */
function areaOf(labels, id) {
  return Array.from(labels.data).filter((other) => other === id).length;
}

/** @param {Page} page @param {string} title */
async function alerted(page, title) {
  await page.waitForSelector("#alert:not([hidden])");
  assert.ok((await page.textContent("#alert-text"))?.includes(title), `${await page.textContent("#alert-text")}`);
  await page.click("#dismiss-alert");
}

test("objects are selected, named, classed, coloured, hidden, and all of it is undone and done again", async () => {
  const { page, observed } = await openLabelled();
  const object = largestObject(sample().labels);
  await page.click("#classes-details summary");
  await page.click("#add-class");
  await page.fill("#classes li:nth-child(1) input[type=text]", "<b>nucleus</b>");
  await page.keyboard.press("Enter");
  await page.click("#add-class");
  await page.click("#tool-select");
  await clickImage(page, object.x, object.y);
  const row = page.locator(`#object-${object.id}`);
  assert.equal(await row.getAttribute("aria-pressed"), "true");
  await page.keyboard.press("1");
  assert.match((await row.textContent()) ?? "", /<b>nucleus<\/b>/, "a name is text, never markup");
  await page.fill("#object-name", "my favourite");
  await page.keyboard.press("Enter");
  assert.match((await row.textContent()) ?? "", /my favourite/);
  await page.click(`#hidden-${object.id}`);
  assert.equal(await page.getAttribute(`#hidden-${object.id}`, "aria-pressed"), "true");

  await page.click(`#hidden-${object.id}`);
  await page.click("#classes-details summary");
  await page.locator("#labels-heading").scrollIntoViewIfNeeded();
  await page.screenshot({ path: "target/workbench.png" });
  await page.click("#undo-label");

  for (const _ of Array(3)) await page.click("#undo-label");
  assert.equal(await page.getAttribute(`#hidden-${object.id}`, "aria-pressed"), "false");
  assert.doesNotMatch((await row.textContent()) ?? "", /favourite|nucleus/);
  for (const _ of Array(3)) await page.click("#redo");
  assert.match((await row.textContent()) ?? "", /my favourite/);
  assert.equal(await page.getAttribute(`#hidden-${object.id}`, "aria-pressed"), "true");
  assert.deepEqual(observed.errors, []);
});

test("a locked object keeps its pixels under eraser, brush, deletion and opened labels", async () => {
  const { page } = await openLabelled();
  const object = largestObject(sample().labels);
  const before = areaOf(await downloadedLabels(page), object.id);
  await page.click("#tool-select");
  await clickImage(page, object.x, object.y);
  await page.check("#object-locked");
  await page.focus("#canvas");
  await page.keyboard.press("Delete");
  await alerted(page, "locked");
  await page.keyboard.press("Escape");
  await page.click("#tool-erase");
  await dragImage(page, object.x0, object.y, object.x1, object.y);
  await page.click("#use-sample-labels");
  const after = await downloadedLabels(page);
  assert.equal(areaOf(after, object.id), before);
});

test("objects are merged, split, cut, filled, smoothed and drawn as polygons", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("sample"));
  const polygon = async (/** @type {[number, number][]} */ ...corners) => {
    await page.click("#tool-polygon");
    for (const [x, y] of corners) await clickImage(page, x, y);
    await page.keyboard.press("Enter");
  };
  await polygon([20, 20], [60, 20], [60, 60], [20, 60]);
  await polygon([100, 20], [140, 20], [140, 60], [100, 60]);
  assert.equal(await count(page), 2);
  const labels = await downloadedLabels(page);
  for (const id of [1, 2]) assert.ok(Math.abs(areaOf(labels, id) - 1600) < 130, `${areaOf(labels, id)} pixels`);

  await page.click("#tool-select");
  await clickImage(page, 40, 40);
  await page.keyboard.down("Control");
  await clickImage(page, 120, 40);
  await page.keyboard.up("Control");
  await page.keyboard.press("m");
  assert.equal(await count(page), 1);
  await page.keyboard.press("t");
  assert.equal(await count(page), 2);
  await page.keyboard.press("Escape");

  await page.click("#tool-cut");
  await dragImage(page, 40, 10, 40, 70);
  assert.equal(await count(page), 3);
  const cut = await downloadedLabels(page);
  const ids = [30, 50].map((x) => cut.data[40 * cut.width + x]);
  assert.ok(ids[0] && ids[1] && ids[0] !== ids[1], "the halves are two objects");
  await page.click("#undo-label");
  assert.equal(await count(page), 2);

  await page.click("#tool-erase");
  await page.fill("#brush-size", "5");
  await clickImage(page, 40, 40);
  const holed = await downloadedLabels(page);
  assert.equal(holed.data[40 * holed.width + 40], 0);
  await page.click("#tool-select");
  await clickImage(page, 30, 30);
  await page.keyboard.press("f");
  assert.equal((await downloadedLabels(page)).data[40 * holed.width + 40], 1);
  const before = areaOf(await downloadedLabels(page), 1);
  await page.keyboard.press("s");
  const smooth = areaOf(await downloadedLabels(page), 1);
  assert.ok(smooth < before && smooth > before - 40, "the corners are rounded");
  while (await page.isEnabled("#undo-label")) await page.click("#undo-label");
  assert.equal(await count(page), 0, "undo goes back to the beginning");
  assert.deepEqual(observed.errors, []);
});

test("an object is refined by prompts and keeps its name", async () => {
  const { page } = await openLabelled();
  await waitState(page, "encoded", LIMIT);
  const object = largestObject(sample().labels);
  const labels = await downloadedLabels(page);
  await page.click("#tool-select");
  await clickImage(page, object.x, object.y);
  await page.fill("#object-name", "kept");
  await page.click("#tool-erase");
  await page.fill("#brush-size", "15");
  await dragImage(page, object.x, object.y0, object.x, object.y1);
  assert.ok(areaOf(await downloadedLabels(page), object.id) < areaOf(labels, object.id) - 200);
  await page.click("#refine-object");
  await waitState(page, "masked");
  await page.keyboard.press("Enter");
  await waitState(page, "encoded");
  const refined = areaOf(await downloadedLabels(page), object.id);
  assert.ok(Math.abs(refined - areaOf(labels, object.id)) < 0.2 * areaOf(labels, object.id), `${refined} pixels`);
  assert.match((await page.textContent(`#object-${object.id}`)) ?? "", /kept/);
});

/** Frames that differ: a bright disc each on a ramp. @param {number} count */
function frames(count) {
  const [width, height] = [128, 96];
  return Array.from({ length: count }, (_, frame) => {
    const pixels = Uint16Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      const inside = Math.hypot(x - 30 - 8 * (frame % 8), y - 48) < 18;
      return (inside ? 40_000 : 2000) + 20 * x + frame;
    });
    return { name: `frame ${frame + 1}.png`, mimeType: "image/png", buffer: png(width, height, pixels) };
  });
}

test("a folder of images is gone through by key, comes back as it was, and undo follows over images", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await page.setInputFiles("#image-file", frames(12).reverse());
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 12);
  const names = await page.locator(".thumbnail-name").allInnerTexts();
  assert.deepEqual(names.slice(0, 3), ["frame 1.png", "frame 2.png", "frame 3.png"], "in the order of their numbers");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 1.png"));
  await page.waitForFunction(() => document.querySelectorAll("#images img[src]").length === 12, undefined, { timeout: LIMIT });

  const draw = async (/** @type {number} */ y) => {
    await page.keyboard.press("d");
    await dragImage(page, 20, y, 60, y);
  };
  await draw(20);
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 2.png"));
  assert.equal(await page.textContent("#images-count"), "1 of 12 done");
  await draw(30);
  await draw(60);
  assert.equal(await count(page), 2);
  await page.keyboard.press("n");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 3.png"));
  assert.equal(await count(page), 0);

  // Back to the second image's last stroke, and on to the first image's.
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 2.png"));
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "1");
  await waitStored(page, "frame 2.png", 1);
  await page.keyboard.press("Control+Shift+z");
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "2");
  await waitStored(page, "frame 2.png", 2);

  /** All files are stored when the list has all images. */
  const stored = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("project");
      const { images, current } = JSON.parse(await (await (await folder.getFileHandle("project.json")).getFile()).text());
      return `${images.length} images, ${images.find((/** @type {{id: string}} */ { id }) => id === current)?.name} open`;
    });
  // The file may be replaced while it is read.
  while ((await stored().catch(() => "")) !== "12 images, frame 2.png open") await page.waitForTimeout(200);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 12);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 2.png"));
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "2");
  assert.equal(await page.textContent("#images-count"), "1 of 12 done");

  await waitState(page, "encoded", LIMIT);
  await page.screenshot({ path: "target/images.png" });
  await page.click("#remove-image");
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 11);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 3.png"));
  await page.click("#undo-label");
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 12);
  await page.click("#previous-image");
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "2");
  assert.deepEqual(observed.errors, []);
});

test("a folder is dropped, and its images open", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "scans", "deeper"), { recursive: true });
  const [first, second] = frames(2);
  writeFileSync(join(folder, "scans", first.name), first.buffer);
  writeFileSync(join(folder, "scans", "deeper", second.name), second.buffer);
  writeFileSync(join(folder, "scans", "notes.txt"), "no image");
  const { page, observed } = await openPage(browser, "?device=cpu");
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [join(folder, "scans")], dragOperationsMask: 1 };
  const { x, y } = await toScreen(page, 0, 0);
  for (const type of /** @type {const} */ (["dragEnter", "dragOver", "drop"])) {
    await devtools.send("Input.dispatchDragEvent", { type, x: x + 100, y: y + 100, data });
  }
  await page.waitForFunction(() => document.querySelectorAll("#images li").length === 2);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 1.png"));
  assert.deepEqual(observed.errors, []);
});

test("the next image is encoded ahead, so it opens without an encode", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  await page.setInputFiles("#image-file", frames(2));
  await waitState(page, "encoded", LIMIT);
  const kept = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("embeddings");
      const sizes = [];
      for await (const handle of /** @type {any} */ (folder).values()) sizes.push((await handle.getFile()).size);
      return sizes.filter((size) => size > 0).length;
    });
  while ((await kept()) < 2) await page.waitForTimeout(200);
  await page.keyboard.press("n");
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("frame 2.png"));
  // An encode takes some seconds; what is kept is there at once, or in a second where the machine is busy.
  await page.waitForFunction(() => /^Encoded in (\d+ ms|1\.\d s)/.test(document.getElementById("status")?.textContent ?? ""), undefined, {
    timeout: LIMIT,
  });
});

test("what is exported holds every object, and a COCO file opens again", async () => {
  const { page } = await openLabelled();
  const labels = await downloadedLabels(page);
  await page.click("#export-details summary");
  const exported = async (/** @type {string} */ format) => {
    await page.selectOption("#export-format", format);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
    return { name: download.suggestedFilename(), content: readFileSync(await download.path()) };
  };
  const { name, content } = await exported("coco");
  assert.equal(name, "sample-coco.json");
  const coco = JSON.parse(content.toString());
  assert.equal(coco.annotations.length, await count(page));
  const table = await exported("csv");
  assert.equal(table.content.toString().trim().split("\r\n").length, coco.annotations.length + 1);
  assert.match(table.content.toString(), /^image,folder,page,pages,object,name,class,area_px/);
  const everything = await exported("everything");
  assert.equal(everything.name, "sample-objects.zip");
  assert.equal(everything.content.toString("latin1", 0, 2), "PK");

  await page.keyboard.press("Control+a");
  await page.focus("#canvas");
  await page.keyboard.press("Delete");
  assert.equal(await count(page), 0);
  coco.annotations[0].attributes.name = "<img src=x onerror=alert(1)>";
  coco.categories.push({ id: 9, name: "dark", color: "#112233" });
  coco.annotations[0].category_id = 9;
  await page.setInputFiles("#label-file", { name: "coco.json", mimeType: "", buffer: Buffer.from(JSON.stringify(coco)) });
  await page.waitForFunction((wanted) => document.getElementById("object-count")?.textContent === wanted, String(coco.annotations.length));
  assert.equal((await page.locator("#objects .object-title").allInnerTexts())[0], "<img src=x onerror=alert(1)>");
  const opened = await downloadedLabels(page);
  const inside = (/** @type {ArrayLike<number>} */ ids) => Array.from(ids, (id) => id > 0);
  assert.deepEqual(inside(opened.data), inside(labels.data));
});

test("a stack is gone through page by page, and an object carried on as a mask", async () => {
  const { page, observed } = await openPage(browser, "www/icon.svg");
  await page.addInitScript(() => {
    const asked = /** @type {unknown[]} */ ([]);
    Object.assign(window, { asked });
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (/** @type {any[]} */ ...args) {
      if (args[0].method === "predict") asked.push(args[0].args[0].at(-1).prompt);
      return post.apply(this, /** @type {[any]} */ (/** @type {unknown} */ (args)));
    };
  });
  await openPath(page, "?device=cpu");
  await page.setInputFiles("#image-file", "tests/fixtures/files/pages.tif");
  await page.waitForSelector("#pages:not([hidden])");
  assert.equal(await page.textContent("#page-count"), "Page 1 of 3");
  const facts = await page.textContent("#image-facts");
  await page.click("#tool-draw");
  await page.fill("#brush-size", "5");
  await clickImage(page, 4.5, 4.5);
  assert.equal(await count(page), 1);
  await page.click("#tool-select");
  await clickImage(page, 4.5, 4.5);
  await page.keyboard.press("c");
  await page.waitForFunction(() => document.getElementById("page-count")?.textContent === "Page 2 of 3");
  assert.ok(facts?.startsWith("pages.tif"));
  assert.equal(await count(page), 0);
  await waitState(page, "masked", LIMIT);
  const [prompt] = await page.evaluate(() => /** @type {any} */ (window).asked);
  const { kind, x0, y0, x1, y1, runs } = prompt;
  assert.deepEqual([kind, x0, y0, x1, y1], ["mask", 2, 2, 7, 7]);
  assert.deepEqual(runs, [1, 3, 1, 15, 1, 3, 1], "a disc");
  await page.keyboard.press("Escape");
  await page.keyboard.press("PageUp");
  await page.waitForFunction(() => document.getElementById("page-count")?.textContent === "Page 1 of 3");
  assert.equal(await count(page), 1, "each page has its own objects");
  assert.deepEqual(observed.errors, []);
});

test("the prompts in hand and their mask's corrections are there again after a reload", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  const object = largestObject(sample().labels);
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  await page.waitForFunction(() =>
    /^Stored in this browser: [\d.]+ MB of /.test(document.getElementById("storage-use")?.textContent ?? ""),
  );
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked", LIMIT);
  await page.click((await page.isEnabled("#candidate-next")) ? "#candidate-next" : "#candidate-previous");
  await waitState(page, "masked", LIMIT);
  await page.keyboard.press("e");
  await dragImage(page, object.x - 5, object.y, object.x + 5, object.y);
  const [mask, candidate] = [await downloadedMask(page), await page.textContent("#candidate-text")];
  await page.waitForTimeout(1000);
  await page.reload();
  await waitState(page, "masked", LIMIT);
  assert.equal(await page.textContent("#candidate-text"), candidate);
  assert.deepEqual((await downloadedMask(page)).data, mask.data);
  await page.focus("#canvas");
  await page.keyboard.press("Enter");
  assert.equal(await count(page), 1);
  await waitStored(page, "sample", 1);
  await page.reload();
  await waitState(page, "encoded", LIMIT);
  assert.equal(await count(page), 1);
  assert.deepEqual(observed.errors, []);
});

test("a second tab does not overwrite the first one's project", async () => {
  const { page } = await openLabelled();
  await page.waitForTimeout(500);
  const second = await page.context().newPage();
  await second.goto(page.url());
  await second.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("sample"));
  await second.keyboard.press("d");
  await dragImage(second, 5, 5, 30, 5);
  await alerted(second, "open in another tab");
  await second.close();
  const before = await count(page);
  await page.reload();
  await page.waitForFunction((wanted) => document.getElementById("object-count")?.textContent === wanted, String(before));
});

test("the keyboard alone selects, edits and goes on", async () => {
  const { page } = await openLabelled();
  await page.focus("#objects li:first-child .object-name");
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.getAttribute("#objects li:nth-child(3) .object-name", "aria-pressed"), "true");
  assert.ok(await page.evaluate(() => document.activeElement?.closest("#objects") !== null), "focus stays in the list");
  const before = await count(page);
  await page.keyboard.press("Delete");
  assert.equal(await count(page), before - 1);
});
