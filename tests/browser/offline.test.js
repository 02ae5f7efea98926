// The service worker: later visits ask the server for nothing, and a new version comes when nobody is disturbed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { downloadedMask, iou, largestObject, sample } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 180_000;
/** By which the browser sees whether there is a new version. */
const UPDATE_CHECK = ["/service_worker.js", "/site_files.js"];

/** @type {import("./harness.js").Browser} */
let browser;
let base = "";
/** What the server was asked for. @type {string[]} */
let asked = [];
/** The version of the site that the server has. */
let version = 1;
let down = false;

/** The site as it is served, but in several versions that differ by a style sheet. */
const server = createServer(async ({ url = "/" }, response) => {
  if (down) return void response.destroy();
  const { pathname } = new URL(url, base);
  asked.push(pathname);
  const reply = await fetch(new URL(pathname, process.env.GRAYSAM_URL));
  let body = Buffer.from(await reply.arrayBuffer());
  if (pathname === "/www/styles/style.css") body = styled(body);
  if (pathname === "/site_files.js") {
    const style = Buffer.from(await (await fetch(new URL("www/styles/style.css", process.env.GRAYSAM_URL))).arrayBuffer());
    body = Buffer.from(body.toString().replace(digest(style), digest(styled(style))));
  }
  response.setHeader("Content-Type", reply.headers.get("Content-Type") ?? "");
  response.writeHead(reply.status).end(body);
});

/** @param {Buffer} style */
function styled(style) {
  return Buffer.concat([style, Buffer.from(`:root { --version: ${version}; }`)]);
}

/** @param {Buffer} bytes */
function digest(bytes) {
  return createHash("sha256").update(bytes).digest("base64");
}

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  base = `http://127.0.0.1:${port}/`;
  browser = await launch();
});
beforeEach(() => {
  version = 1;
  down = false;
  asked = [];
});
after(async () => {
  await browser.close();
  server.close();
});

/** Opens the page for the first time and waits until its files are kept. */
async function firstVisit() {
  const opened = await openPage(browser, "?device=cpu", { serviceWorkers: "allow", base });
  await opened.page.waitForSelector("html[data-offline=ready]", { timeout: LIMIT });
  await opened.page.evaluate(() => navigator.serviceWorker.ready);
  return opened;
}

/** The version that is on the screen. @param {Page} page */
function shownVersion(page) {
  return page.evaluate(() => Number(getComputedStyle(document.documentElement).getPropertyValue("--version")));
}

test("a second visit asks the server for nothing, and one without network gives a mask", async () => {
  const { page: first, observed } = await firstVisit();
  const context = first.context();
  await first.close();
  const files = new Set(asked);
  assert.ok(files.has("/www/main.js") && files.size < 40, "each file costs a visit some milliseconds");
  asked = [];
  const page = await context.newPage();
  await openPath(page, "?device=cpu", base);
  await waitState(page, "ready", LIMIT);
  await page.waitForSelector("html[data-offline=ready]", { timeout: LIMIT });
  assert.deepEqual(
    asked.filter((path) => !UPDATE_CHECK.includes(path)),
    [],
  );

  await context.setOffline(true);
  // The browser's own check for a new version goes out even so.
  down = true;
  await page.reload();
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  const { labels } = sample();
  const object = largestObject(labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
  const found = iou(await downloadedMask(page), labels, object.id);
  assert.ok(found > 0.8, `the mask's IoU with the label is ${found}`);
  assert.equal(await page.textContent("#offline-state"), "works");
  assert.deepEqual(observed.errors, []);
});

test("a new version is fetched in the background and waits for the person", async () => {
  const { page } = await firstVisit();
  version = 2;
  asked = [];
  await page.reload();
  await page.waitForSelector("#update:not([hidden])", { timeout: LIMIT });
  assert.deepEqual([...new Set(asked)].sort(), [...UPDATE_CHECK, "/www/styles/style.css"], "only what changed is fetched");
  assert.equal(await shownVersion(page), 1);
  await page.screenshot({ path: "target/update.png" });
  await Promise.all([page.waitForEvent("load"), page.click("#use-update")]);
  assert.equal(await shownVersion(page), 2);
  await waitState(page, "ready", LIMIT);
  assert.ok(await page.isHidden("#update"));
});

test("a new version waits for other tabs, which stay with their own files", async () => {
  const { page } = await firstVisit();
  const other = await page.context().newPage();
  await openPath(other, "?device=cpu", base);
  await waitState(other, "ready", LIMIT);
  version = 2;
  await page.reload();
  await page.waitForSelector("#update:not([hidden])", { timeout: LIMIT });
  await page.click("#use-update");
  await page.waitForSelector("#update-others:not([hidden])", { timeout: LIMIT });
  assert.equal(await shownVersion(page), 1);
  const style = await other.evaluate(async () => (await fetch("www/styles/style.css")).text());
  assert.match(style, /--version: 1;/);
  await other.close();
  await Promise.all([page.waitForEvent("load"), page.click("#use-update")]);
  assert.equal(await shownVersion(page), 2);
  assert.ok(await page.isHidden("#update"));
});

test("a new version is used at the next start", async () => {
  const { page } = await firstVisit();
  version = 3;
  await page.reload();
  await page.waitForSelector("#update:not([hidden])", { timeout: LIMIT });
  const context = page.context();
  await page.close();
  const next = await context.newPage();
  await openPath(next, "?device=cpu", base);
  assert.equal(await shownVersion(next), 3);
  await waitState(next, "ready", LIMIT);
});

test("the page can be installed", async () => {
  const { page } = await firstVisit();
  const devtools = await page.context().newCDPSession(page);
  const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
  const obstacles = installabilityErrors.map(({ errorId }) => errorId);
  // A test's window is a private one.
  assert.deepEqual(
    obstacles.filter((id) => id !== "in-incognito"),
    [],
  );
});

test("without a service worker the page works as ever", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu", { base });
  await waitState(page, "ready", LIMIT);
  await page.waitForSelector("html[data-offline=unavailable]");
  assert.equal(await page.textContent("#offline-state"), "not in this window");
  assert.deepEqual(observed.errors, []);
});
