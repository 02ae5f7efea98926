// The page is isolated from other origins, so that its threads may share memory, whatever its server sends: by the service
// worker after one reload at most, and where that does not help it works even so.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { clickImage, launch, openPage, openPath, waitState } from "./harness.js";
import { largestObject, sample } from "./sample.js";

/** @typedef {import("./harness.js").Page} Page */

const LIMIT = 180_000;

/** @type {import("./harness.js").Browser} */
let browser;
let base = "";
/** How often the page itself was asked for. */
let pages = 0;
/** A service worker that adds no headers stands for a browser that gives nothing for them. */
let refused = false;

/** A static host without any headers. */
const server = createServer(async ({ url = "/", headers }, response) => {
  const { pathname } = new URL(url, base);
  // The service worker fetches the page, too, to keep it.
  if (pathname === "/" && headers["sec-fetch-mode"] === "navigate") pages++;
  if (pathname === "/frame") return void response.setHeader("Content-Type", "text/html").end(`<iframe src="/?device=cpu"></iframe>`);
  const reply = await fetch(new URL(pathname, process.env.GRAYSAM_URL));
  let body = Buffer.from(await reply.arrayBuffer());
  if (refused && pathname === "/service_worker.js") body = Buffer.from(body.toString().replaceAll("Cross-Origin-", "X-Cross-Origin-"));
  response.setHeader("Content-Type", reply.headers.get("Content-Type") ?? "");
  response.writeHead(reply.status).end(body);
});

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  base = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`;
  browser = await launch();
});
beforeEach(() => {
  pages = 0;
  refused = false;
});
after(async () => {
  await browser.close();
  server.close();
});

/** Whether page and worker are isolated, once the model is there; what an earlier visit left may be, too. @param {Page} page */
async function isolated(page) {
  const isThere = () => ["ready", "encoded", "masked"].includes(document.documentElement.dataset.state ?? "");
  await page.waitForFunction(isThere, undefined, { timeout: LIMIT });
  const workers = await Promise.all(page.workers().map((worker) => worker.evaluate(() => crossOriginIsolated)));
  return [await page.evaluate(() => crossOriginIsolated), ...new Set(workers)];
}

/** Counts how often the page is loaded from now on. @param {Page} page */
function countLoads(page) {
  const count = { loads: 0 };
  page.on("framenavigated", (frame) => void (count.loads += Number(frame === page.mainFrame())));
  return count;
}

/** Clicks the sample's largest object. @param {Page} page */
async function clickSample(page) {
  await page.click("#open-sample");
  await waitState(page, "encoded", LIMIT);
  const object = largestObject(sample().labels);
  await clickImage(page, object.x, object.y);
  await waitState(page, "masked");
}

test("a host without headers: a first visit is isolated after one reload, later ones at once, without network too", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu&threads=1", { serviceWorkers: "allow", base });
  assert.deepEqual(await isolated(page), [true, true]);
  assert.equal(pages, 2, "the page was asked for twice");
  await clickSample(page);
  await page.waitForSelector("html[data-offline=ready]", { timeout: LIMIT });

  const later = await page.context().newPage();
  const count = countLoads(later);
  await openPath(later, "?device=cpu&threads=1", base);
  assert.deepEqual(await isolated(later), [true, true]);
  await page.context().setOffline(true);
  await later.reload();
  assert.deepEqual(await isolated(later), [true, true]);
  assert.deepEqual([count.loads, pages], [2, 2], "loaded as often as it was told to, and from what is kept");
  assert.deepEqual(observed.errors, []);
});

test("a visit that passes the service worker over is isolated after one reload", async () => {
  const { page: first } = await openPage(browser, "?device=cpu&threads=1", { serviceWorkers: "allow", base });
  assert.deepEqual(await isolated(first), [true, true]);
  const page = await first.context().newPage();
  await openPath(page, "?device=cpu&threads=1", base);
  assert.deepEqual(await isolated(page), [true, true]);
  pages = 0;
  const devtools = await page.context().newCDPSession(page);
  // As with Shift and the browser's reload button.
  await Promise.all([page.waitForEvent("load"), devtools.send("Page.reload", { ignoreCache: true })]);
  await page.waitForFunction(() => crossOriginIsolated);
  assert.deepEqual(await isolated(page), [true, true]);
  assert.ok(pages >= 1, "the server answered");
});

test("a server that isolates the page has it loaded once", async () => {
  const { page } = await openPage(browser, "", { serviceWorkers: "allow" });
  const count = countLoads(page);
  await openPath(page, "?device=cpu&threads=1");
  assert.deepEqual(await isolated(page), [true, true]);
  await page.waitForSelector("html[data-offline=ready]", { timeout: LIMIT });
  assert.equal(count.loads, 1);
});

test("where the browser isolates nothing, the page is loaded twice and works", async () => {
  refused = true;
  const { page, observed } = await openPage(browser, "?device=cpu&threads=1", { serviceWorkers: "allow", base });
  assert.deepEqual(await isolated(page), [false, false]);
  await clickSample(page);
  const count = countLoads(page);
  await page.reload();
  assert.deepEqual(await isolated(page), [false, false]);
  assert.equal(count.loads, 1, "another visit is begun once");
  assert.deepEqual(observed.errors, []);
});

test("within another page it works, and reloads nothing", async () => {
  const { page } = await openPage(browser, "frame", { serviceWorkers: "allow", base });
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame?.waitForSelector("html[data-state=ready]", { timeout: LIMIT, state: "attached" });
  assert.equal(pages, 1);
});

test("an isolated page and its worker still fetch what another origin allows them to", async () => {
  const { page } = await openPage(browser, "?device=cpu&threads=1");
  const address = "https://dl.fbaipublicfiles.com/segment_anything/model.pth";
  await page.context().route(address, (route) => route.fulfill({ body: "weights", headers: { "Access-Control-Allow-Origin": "*" } }));
  assert.deepEqual(await isolated(page), [true, true]);
  const read = async (/** @type {string} */ address) => (await fetch(address)).text();
  assert.equal(await page.evaluate(read, address), "weights");
  assert.equal(await page.workers()[0].evaluate(read, address), "weights");
});
