// A stored project of many labelled images: how soon it opens, how its list scrolls, and what opening fifty of them holds.
// node tests/bench/large_project.js [IMAGES] prints {"images": …, "list_s": …, "open_s": …, "longest_task_ms": …,
// "scrolling_task_ms": …, "opening_cpu_s": …, "scrolling_cpu_s": …, "memory_mb": [first, last]}: seconds since the navigation until the list can be used and until the
// image is open, the longest tasks until then and while the list scrolls, and seconds of the processor's that the page's own
// thread took for the one and for the other, which a busy machine changes little. GRAYSAM_URL is where dist/ is served.

import { pathToFileURL } from "node:url";

import { launchForBrush } from "../browser/brush_work.js";
import { openPath, withModules } from "../browser/harness.js";
import { listedNotes } from "../browser/image_list.js";

/** @typedef {import("../browser/harness.js").Page} Page */

const LIMIT = 300_000;
const OPENED = 50;
/** Objects of each image. */
const OBJECTS = 20;

/** In a page of the site: stores a project through the page's own store. @param {{images: number, objects: number, root: string}} wanted */
export async function storeProject({ images, objects, root }) {
  const { ProjectStore } = await import(new URL("www/storage/project_store.js", root).href);
  const SIDE = 512;
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("There is no canvas.");
  // Squares of 16 pixels, each an object.
  const runs = [SIDE * 16, 0];
  for (let y = 0; y < 16; y++) {
    for (let object = 1; object <= objects; object++) runs.push(16, object);
    runs.push(SIDE - 16 * objects, 0);
  }
  runs.push(SIDE * (SIDE - 32), 0);
  const attributes = new Map(
    Array.from({ length: objects }, (_, i) => [i + 1, { name: "", classId: null, colour: null, hidden: false, locked: false, iou: 0.9 }]),
  );
  const png = async (/** @type {number} */ i) => {
    context.fillStyle = "#456";
    context.fillRect(0, 0, SIDE, SIDE);
    context.fillStyle = "#fff";
    for (let k = 0; k < 40; k++) context.fillRect((i * 37 + k * 101) % SIDE, (i * 53 + k * 67) % SIDE, 12, 12);
    context.fillText(String(i), 9, 99);
    return canvas.convertToBlob();
  };
  const thumbnail = await png(0);
  const snapshot = async (/** @type {number} */ i) => {
    const name = `frame ${i}.png`;
    const packedObjects = async () => ({ runs: Uint32Array.from(runs), revision: 1, objects: attributes, rejected: [] });
    return {
      ...{ id: `image-${i}`, name, source: { kind: "file", name, file: await png(i) }, display: undefined, width: SIDE, height: SIDE },
      ...{
        heldOut: undefined,
        done: false,
        suggestions: [],
        searchedBy: "",
        thumbnail: thumbnail.slice(),
        revision: 1,
        objectCount: objects,
        packedObjects,
      },
    };
  };
  const all = await Promise.all(Array.from({ length: images }, (_, i) => snapshot(i + 1)));
  const project = {
    images: all,
    classes: [],
    currentClass: null,
    current: "image-1",
    inHand: null,
    findings: { learned: undefined, threshold: 0.5 },
  };
  await new ProjectStore().save(/** @type {any} */ (project));
}

/** In the page, before its scripts: notes the longest task. */
function watch() {
  const tasks = { longest: 0 };
  Object.assign(window, { tasks });
  const note = (/** @type {PerformanceObserverEntryList} */ list) => {
    for (const { duration } of list.getEntries()) tasks.longest = Math.max(tasks.longest, duration);
  };
  new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
}

/** The longest task since this was asked last, in milliseconds. @param {Page} page */
function longestTask(page) {
  return page.evaluate(() => {
    const { tasks } = /** @type {typeof window & {tasks: {longest: number}}} */ (window);
    const { longest } = tasks;
    tasks.longest = 0;
    return Math.round(longest);
  });
}

/** Seconds since the navigation until it is so. @param {Page} page @param {(images: number) => boolean} reached @param {number} images */
async function secondsUntil(page, reached, images) {
  await page.waitForFunction(reached, images, { polling: "raf", timeout: LIMIT });
  return Number((await page.evaluate(() => performance.now() / 1000)).toFixed(2));
}

/** Seconds of the processor's that the page's thread has taken so far. @param {import("playwright-core").CDPSession} devtools */
async function cpuSeconds(devtools) {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN;
}

/** Scrolls through the list by the wheel. @param {Page} page */
async function scroll(page) {
  await page.hover("#images");
  await longestTask(page);
  for (let turn = 0; turn < 150; turn++) {
    await page.mouse.wheel(0, 1000);
    await page.waitForTimeout(16);
  }
  await page.waitForTimeout(200);
  return longestTask(page);
}

/** Megabytes of the page's objects and what lies behind them. @param {Page} page */
async function megabytes(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const usage = /** @type {Record<string, number>} */ (/** @type {unknown} */ (await devtools.send("Runtime.getHeapUsage")));
  await devtools.detach();
  return Number(((usage.usedSize + (usage.backingStorageSize ?? 0) + (usage.embedderHeapUsedSize ?? 0)) / 1e6).toFixed(1));
}

/** Opens one image after another. @param {Page} page @param {number} count @returns what is held after a fifth of them, and in the end */
async function openSome(page, count) {
  const held = [];
  for (let i = 2; i <= count + 1; i++) {
    await page.focus("#canvas");
    await page.keyboard.press("n");
    await page.waitForFunction((name) => document.getElementById("image-facts")?.textContent?.startsWith(name), `frame ${i}.png:`, {
      timeout: LIMIT,
    });
    if (i - 1 === Math.ceil(count / 5) || i - 1 === count) held.push(await megabytes(page));
  }
  return held;
}

/** @param {number} images @param {number} [opened] */
export async function measureLargeProject(images, opened = OPENED) {
  const context = await launchForBrush();
  try {
    const page = await context.newPage();
    await openPath(page, "www/icon.svg");
    const wanted = { images, objects: OBJECTS, root: new URL(".", process.env.GRAYSAM_URL).href };
    await withModules(context, () => page.evaluate(storeProject, wanted));
    await page.addInitScript(watch);
    const devtools = await context.newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const cpu = [await cpuSeconds(devtools)];
    await openPath(page, "?device=cpu");
    const list_s = await secondsUntil(
      page,
      (images) => document.querySelector("#images li:last-child")?.ariaPosInSet === String(images),
      images,
    );
    const open_s = await secondsUntil(
      page,
      () => document.getElementById("image-facts")?.textContent?.startsWith("frame 1.png") ?? false,
      0,
    );
    cpu.push(await cpuSeconds(devtools));
    await page.waitForFunction(() => document.getElementById("model-name")?.textContent?.includes("blocks"), undefined, { timeout: LIMIT });
    const longest_task_ms = await longestTask(page);
    cpu.push(await cpuSeconds(devtools));
    const scrolling_task_ms = await scroll(page);
    cpu.push(await cpuSeconds(devtools));
    const [opening_cpu_s, , scrolling_cpu_s] = cpu.slice(1).map((seconds, i) => Number((seconds - cpu[i]).toFixed(2)));
    const memory_mb = await openSome(page, opened);
    const counts = await listedNotes(page);
    const complete = counts.length === images && counts.every((text) => text === `${OBJECTS} objects`);
    return { images, list_s, open_s, longest_task_ms, scrolling_task_ms, opening_cpu_s, scrolling_cpu_s, memory_mb, complete };
  } finally {
    await context.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(await measureLargeProject(Number(process.argv[2] ?? 2000))));
}
