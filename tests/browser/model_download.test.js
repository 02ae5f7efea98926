// Downloads of models: stopped, broken off, taken up again, damaged, kept and deleted.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { launch, openPage, openPath, waitState } from "./harness.js";

const LIMIT = 120_000;
const PIECE = 1 << 18;

/**
 * How the model is sent: as asked; slowly; up to the middle of what is asked; with one wrong byte; or all of it
 * whatever is asked.
 * @typedef {"whole" | "slow" | "half" | "damaged" | "without ranges"} Manner
 */

/** @type {import("./harness.js").Browser} */
let browser;
/** @type {import("./harness.js").Page} */
let page;
/** @type {Buffer} */
let model;
/** @type {Manner} */
let manner = "whole";
/** The Range headers of all requests for the model. @type {(string | undefined)[]} */
const ranges = [];
let base = "";

const server = createServer((request, response) => void answer(request, response));

/**
 * The page as it is served, but with a catalogue and a model of the test's own. From the same origin, because the
 * page's policy allows no other.
 * @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response
 */
async function answer({ url = "/", headers }, response) {
  const { pathname } = new URL(url, base);
  if (pathname === "/model.safetensors") return sendModel(headers.range, response);
  if (pathname === "/www/catalogue.json") return void response.end(JSON.stringify([entry()]));
  const reply = await fetch(new URL(pathname, process.env.GRAYSAM_URL));
  response.setHeader("Content-Type", reply.headers.get("Content-Type") ?? "");
  response.writeHead(reply.status).end(Buffer.from(await reply.arrayBuffer()));
}

/** @param {string | undefined} range @param {import("node:http").ServerResponse} response */
async function sendModel(range, response) {
  ranges.push(range);
  const start = manner === "without ranges" ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const bytes = Buffer.from(model.subarray(start));
  if (manner === "damaged") bytes[bytes.length >> 1] ^= 1;
  if (start > 0) response.setHeader("Content-Range", `bytes ${start}-${model.length - 1}/${model.length}`);
  response.writeHead(start > 0 ? 206 : 200, { "Content-Length": bytes.length });
  for (let at = 0; at < bytes.length && !response.destroyed; at += PIECE) {
    response.write(bytes.subarray(at, at + PIECE));
    // Time for the page to take it.
    await sleep(manner === "slow" ? 100 : 0);
    if (manner === "half" && at > bytes.length / 2) {
      await sleep(500);
      response.destroy();
    }
  }
  response.end();
}

/** @returns {import("../../www/document/types.js").CatalogueEntry} */
function entry() {
  return {
    id: "other",
    name: "Other SAM",
    description: "MobileSAM under another name.",
    addresses: ["/model.safetensors"],
    bytes: model.length,
    sha256: createHash("sha256").update(model).digest("hex"),
    licence: "Apache-2.0",
    licence_url: "https://example.org/licence",
  };
}

before(async () => {
  const address = new URL("www/models/mobile_sam.safetensors", process.env.GRAYSAM_URL);
  model = Buffer.from(await (await fetch(address)).arrayBuffer());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  base = `http://127.0.0.1:${port}/`;
  browser = await launch();
  ({ page } = await openPage(browser, `${base}?device=cpu`));
  await waitState(page, "ready", LIMIT);
});
after(async () => {
  await browser.close();
  server.close();
});

/** Waits until the page says this of the model. @param {RegExp} text */
async function waitModel(text) {
  await page.locator("#state-other").filter({ hasText: text }).waitFor({ timeout: LIMIT });
  return (await page.textContent("#state-other")) ?? "";
}

/** The alert, which is then dismissed. */
async function alertText() {
  await page.waitForSelector("#alert:not([hidden])", { timeout: LIMIT });
  const text = (await page.textContent("#alert-text")) ?? "";
  await page.click("#dismiss-alert");
  return text;
}

/** Waits for the download's bar to pass this share. @param {number} share */
async function waitProgress(share) {
  await page.waitForFunction(
    (share) => {
      const bar = document.getElementById("progress-other");
      return bar instanceof HTMLProgressElement && bar.value > share && bar.value < 1;
    },
    share,
    { timeout: LIMIT },
  );
}

/** Where the last request went on. */
function resumedAt() {
  const start = Number(/^bytes=(\d+)-$/.exec(ranges.at(-1) ?? "")?.[1]);
  assert.ok(start > 0 && start < model.length, `the range was ${ranges.at(-1)}`);
  return start;
}

test("a download is cancelled, breaks off, and each time goes on where it was", async () => {
  manner = "slow";
  await page.click("#download-other");
  await waitProgress(0.05);
  await waitProgress(0.1);
  await page.click("#cancel-download-other");
  const part = await waitModel(/^\d+ MB of 20 MB here$/);
  assert.equal(await page.textContent("#download-other"), "Resume");
  assert.equal(await page.isVisible("#alert"), false, "a cancel is no error");

  manner = "half";
  await page.click("#download-other");
  const broken = await alertText();
  const first = resumedAt();
  assert.ok(first > model.length / 10, "what had come was kept");
  assert.equal(part, `${Math.round(first / 1e6)} MB of 20 MB here`);
  const megabytes = /^The download of Other SAM broke off at (\d+) of 20 MB; press Resume/.exec(broken)?.[1];
  assert.ok(megabytes, broken);
  await waitModel(new RegExp(`^${megabytes} MB of 20 MB here$`));

  manner = "whole";
  await page.click("#download-other");
  await waitModel(/^downloaded, 20 MB$/);
  const second = resumedAt();
  assert.ok(second > first);
  assert.equal(Math.round(second / 1e6), Number(megabytes));
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], undefined);
});

test("a downloaded model is kept and used without another request", async () => {
  await openPath(page, `${base}?device=cpu`);
  await waitState(page, "ready", LIMIT);
  await waitModel(/^downloaded, 20 MB$/);
  await page.click("#use-other");
  await waitModel(/^in use$/);
  await waitState(page, "ready", LIMIT);
  assert.equal(await page.textContent("#model-name"), "MobileSAM");
  assert.equal(ranges.length, 3);
  assert.equal(await page.isVisible("#alert"), false);
});

test("a deleted model is gone, also after a reload", async () => {
  await page.click("#use-mobile-sam");
  await waitModel(/^downloaded, 20 MB$/);
  await page.click("#delete-other");
  await waitModel(/^20 MB$/);
  await openPath(page, `${base}?device=cpu`);
  await waitModel(/^20 MB$/);
  assert.equal(await page.textContent("#download-other"), "Download");
  assert.equal(await page.isVisible("#use-other"), false);
});

test("a download with a wrong checksum is told and deleted", async () => {
  await waitState(page, "ready", LIMIT);
  manner = "damaged";
  await page.click("#download-other");
  assert.match(await alertText(), /^The download of Other SAM is damaged: its checksum is not the published one\. The file was deleted/);
  await waitModel(/^20 MB$/);
  assert.equal(await page.isVisible("#use-other"), false);
});

test("a server without ranges sends all of it again", async () => {
  manner = "half";
  await page.click("#download-other");
  assert.match(await alertText(), /broke off/);
  await waitModel(/here$/);
  manner = "without ranges";
  await page.click("#download-other");
  await waitModel(/^downloaded, 20 MB$/);
  resumedAt();
});
