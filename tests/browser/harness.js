// Opens the page in Chromium and works it as a person does.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {{button?: "left" | "right", modifiers?: ("Alt" | "Shift")[]}} ClickOptions */

/**
 * What the page did behind the scenes.
 * @typedef {object} Observed
 * @property {string[]} errors console errors, uncaught errors and crashes
 * @property {string[]} requests addresses asked for, by the page and its worker
 */

const ENGINE_FLAGS = [
  "--no-sandbox",
  "--headless=new",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
];

const LAUNCH = { executablePath: process.env.GRAYSAM_CHROMIUM ?? "/usr/bin/chromium", args: ENGINE_FLAGS };
const MODULES = "**/www/**/*.js";
const VIEWPORT = { width: 1366, height: 768 };

/** Chromium from GRAYSAM_CHROMIUM, by default the system's. @param {string[]} flags further ones @returns {Promise<Browser>} */
export function launch(...flags) {
  return chromium.launch({ ...LAUNCH, args: [...ENGINE_FLAGS, ...flags] });
}

/** Unfolds the panels that a person unfolds when they need them. @param {import("playwright-core").BrowserContext} context */
function unfoldPanels(context) {
  return context.addInitScript(() => {
    try {
      localStorage.setItem(
        "graysam-panels",
        JSON.stringify({ "panel-find": true, "panel-model": true, ...JSON.parse(localStorage.getItem("graysam-panels") ?? "{}") }),
      );
    } catch {
      // A blank page has no storage.
    }
  });
}

/** Chromium with a profile that outlives it. @param {string} folder @param {"allow" | "block"} [serviceWorkers] */
export async function launchWithProfile(folder, serviceWorkers = "allow") {
  const context = await chromium.launchPersistentContext(folder, { ...LAUNCH, viewport: VIEWPORT, serviceWorkers });
  await unfoldPanels(context);
  return context;
}

/**
 * Opens a path of the page served at GRAYSAM_URL in a context of its own. Service workers are blocked unless allowed,
 * as routes would not see what they answer.
 * @param {Browser} browser
 * @param {string} [path] such as "?device=cpu"
 * @param {{serviceWorkers?: "allow" | "block", base?: string, modules?: boolean}} [options] modules: the page comes in its modules
 *   instead of bundles, so that a test may import one of them
 * @returns {Promise<{page: Page, observed: Observed}>}
 */
export async function openPage(browser, path = "", options = {}) {
  const { serviceWorkers = "block", base = process.env.GRAYSAM_URL, modules = false } = options;
  if (!base) throw new Error("Set GRAYSAM_URL to the address at which dist/ is served.");
  const context = await browser.newContext({ viewport: VIEWPORT, acceptDownloads: true, serviceWorkers });
  await unfoldPanels(context);
  if (modules) await context.route(MODULES, asModule);
  /** @type {Observed} */
  const observed = { errors: [], requests: [] };
  // Of the context: a worker's requests are not the page's.
  context.on("request", (request) => observed.requests.push(request.url()));
  context.on("console", (message) => {
    // The browser asks for this icon by itself where a test begins on a bare file.
    if (message.location().url.endsWith("/favicon.ico")) return;
    if (message.type() === "error") observed.errors.push(message.text());
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => observed.errors.push(error.message));
  page.on("crash", () => observed.errors.push("the page crashed"));
  await openPath(page, path, base);
  return { page, observed };
}

/** Answers with a module of the page as it was emitted. @param {import("playwright-core").Route} route */
function asModule(route) {
  const path = fileURLToPath(new URL(`../../target/page${new URL(route.request().url()).pathname}`, import.meta.url));
  return existsSync(path) ? route.fulfill({ path, contentType: "text/javascript" }) : route.fallback();
}

/** While `work` is done, the page comes in its modules. @param {import("playwright-core").BrowserContext} context @param {() => Promise<unknown>} work */
export async function withModules(context, work) {
  await context.route(MODULES, asModule);
  await work();
  await context.unroute(MODULES, asModule);
}

/** Goes to another path of the page. @param {Page} page @param {string} path @param {string} [base] */
export async function openPath(page, path, base = process.env.GRAYSAM_URL) {
  const url = new URL(path, base);
  await page.goto(url.href, { waitUntil: "domcontentloaded", timeout: 120_000 });
}

/**
 * Waits until the page's state is this one; an alert is told when it does not come.
 * @param {Page} page
 * @param {import("../../www/session/session.js").State} state
 * @param {number} [timeout] in milliseconds
 */
export async function waitState(page, state, timeout = 60_000) {
  try {
    await page.waitForFunction((wanted) => document.documentElement.dataset.state === wanted, state, { timeout });
  } catch (error) {
    const now = await page.evaluate(() => ({
      state: document.documentElement.dataset.state,
      status: document.getElementById("status")?.textContent,
      alert: document.getElementById("alert-text")?.textContent,
    }));
    throw new Error(`The page did not become "${state}": ${JSON.stringify(now)}`, { cause: error });
  }
}

/** Page coordinates of an image point. @param {Page} page @param {number} x @param {number} y */
export async function toScreen(page, x, y) {
  return page.locator("#canvas").evaluate(
    async (canvas, point) => {
      const { width, height, clientWidth, clientHeight } = /** @type {HTMLCanvasElement} */ (canvas);
      const sized = [clientWidth, clientHeight].map((side) => Math.round(side * devicePixelRatio));
      // Another layout, to which the image is fitted in the next frame.
      if (sized[0] !== width || sized[1] !== height)
        await new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame));
      const box = canvas.getBoundingClientRect();
      const { scale, offsetX, offsetY } = /** @type {HTMLElement} */ (canvas).dataset;
      return {
        x: box.left + Number(offsetX) + point.x * Number(scale),
        y: box.top + Number(offsetY) + point.y * Number(scale),
      };
    },
    { x, y },
  );
}

/** Clicks the image at a point in image pixels. @param {Page} page @param {number} x @param {number} y @param {ClickOptions} [options] */
export async function clickImage(page, x, y, { button = "left", modifiers = [] } = {}) {
  const at = await toScreen(page, x, y);
  for (const key of modifiers) await page.keyboard.down(key);
  await page.mouse.click(at.x, at.y, { button });
  for (const key of modifiers) await page.keyboard.up(key);
}

/** Drags a box from one image point to another. @param {Page} page @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
export async function dragImage(page, x0, y0, x1, y1) {
  const from = await toScreen(page, x0, y0);
  const to = await toScreen(page, x1, y1);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.mouse.up();
}

/** Zooms by the wheel until so many pixels of the image are in view, with a point of it in the middle. @param {Page} page @param {number} x @param {number} y @param {number} extent */
export async function zoomTo(page, x, y, extent) {
  const canvas = page.locator("#canvas");
  const box = await canvas.boundingBox();
  if (!box) throw new Error("The canvas is not shown.");
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  for (;;) {
    const scale = Number(await canvas.evaluate((node) => node.dataset.scale));
    const factor = Math.max(box.width, box.height) / scale / extent;
    if (Math.abs(Math.log(factor)) < 0.02) break;
    await page.mouse.move(middle.x, middle.y);
    await page.mouse.wheel(0, -Math.log(Math.min(4, Math.max(0.25, factor))) / 0.0015);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const at = await toScreen(page, x, y);
  await page.mouse.move(middle.x, middle.y);
  await page.keyboard.down("Shift");
  await page.mouse.down();
  await page.mouse.move(middle.x + (middle.x - at.x), middle.y + (middle.y - at.y), { steps: 8 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
}

/**
 * Appends code to the engine's module when the page loads it: the first time the first, the next time the second.
 * @param {Page} page @param {string[]} additions
 * @returns {Promise<string[]>} those that are still to come
 */
export async function changeEngine(page, ...additions) {
  await page.context().route("**/engine/graysam.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${await response.text()}\n${additions.shift() ?? ""}` });
  });
  return additions;
}

/** Opens the sample with a model of one's own. @param {Page} page @param {string} model */
export async function openSampleWith(page, model) {
  await waitState(page, "ready", 180_000);
  await page.setInputFiles("#model-file", model);
  await page.waitForFunction(() => document.getElementById("model-name")?.textContent?.includes("4 blocks"));
  await page.click("#open-sample");
  await waitState(page, "encoded", 300_000);
}
