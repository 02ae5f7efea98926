// A stack of 6 GB, of which only the pages that are looked at are read.

import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage, waitState } from "./harness.js";
import { temporaryFolder } from "./sample.js";

const SIDE = 1024;
const PAGES = 3000;
/** Of a page's pixels, which follow its directory. */
const BYTES = 2 * SIDE * SIDE;
const DIRECTORY = 512;
/** Most MiB that the engine may take, before there is a model. */
const MOST = 300;

/** @type {import("./harness.js").Browser} */
let browser;
const folder = temporaryFolder();
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** A little-endian BigTIFF of 16 bits, sparse on the disk; a page's first pixel is its number, the others are 0. */
function hugeStack() {
  const path = join(folder, "huge.tif");
  const file = openSync(path, "w");
  const start = (/** @type {number} */ page) => 16 + page * (DIRECTORY + BYTES);
  ftruncateSync(file, start(PAGES));
  const header = Buffer.from("II+\0\x08\0\0\0", "latin1");
  const first = Buffer.alloc(8);
  first.writeBigUInt64LE(BigInt(start(0)));
  writeSync(file, Buffer.concat([header, first]), 0, 16, 0);
  for (let page = 0; page < PAGES; page++) {
    const data = start(page) + DIRECTORY;
    const fields = [
      [254, 2],
      [256, SIDE],
      [257, SIDE],
      [258, 16],
      [259, 1], // no compression
      [262, 1], // black is zero
      [273, data],
      [277, 1],
      [278, SIDE],
      [279, BYTES],
    ];
    const bytes = Buffer.alloc(8 + 20 * fields.length + 8);
    bytes.writeBigUInt64LE(BigInt(fields.length), 0);
    fields.forEach(([tag, value], i) => {
      bytes.writeUInt16LE(tag, 8 + 20 * i);
      bytes.writeUInt16LE(16, 10 + 20 * i);
      bytes.writeBigUInt64LE(1n, 12 + 20 * i);
      bytes.writeBigUInt64LE(BigInt(value), 20 + 20 * i);
    });
    bytes.writeBigUInt64LE(BigInt(page + 1 < PAGES ? start(page + 1) : 0), 8 + 20 * fields.length);
    writeSync(file, bytes, 0, bytes.length, start(page));
    const number = Buffer.alloc(2);
    number.writeUInt16LE(page + 1);
    writeSync(file, number, 0, 2, data);
  }
  closeSync(file);
  return path;
}

test("the first and the last page of a stack of 6 GB are opened in little memory", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu", { modules: true });
  await waitState(page, "ready", 180_000);
  // Nothing is to be copied into the browser's storage.
  await page.evaluate(() => {
    StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("no storage", "SecurityError"));
  });
  const path = hugeStack();
  await page.setInputFiles("#image-file", path);
  await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.includes("1024 × 1024"), undefined, {
    timeout: 60_000,
  });
  assert.match((await page.textContent("#display-note")) ?? "", /16-bit grayscale, values 0 to 1$/);
  await page.click("#page-next");
  await page.waitForFunction(() => document.getElementById("display-note")?.textContent?.endsWith("values 0 to 2"), undefined, {
    timeout: 60_000,
  });

  await page.evaluate(() => {
    document.body.append(Object.assign(document.createElement("input"), { type: "file", id: "huge" }));
  });
  await page.setInputFiles("#huge", path);
  const told = await page.evaluate(
    async ({ pages }) => {
      /** @type {{EngineClient: typeof import("../../www/engine/client.js").EngineClient}} */
      const { EngineClient } = await import(new URL("www/engine/client.js", document.baseURI).href);
      const client = new EngineClient(() => {});
      const input = document.getElementById("huge");
      const file = input instanceof HTMLInputElement ? input.files?.[0] : undefined;
      if (!file) throw new Error("no file");
      await client.request("create", ["cpu"]);
      const answers = [];
      for (const wanted of [0, pages - 1]) {
        const before = performance.now();
        const { page, pages, max } = await client.request("openImage", [file, wanted]);
        answers.push({ page, pages, max, seconds: (performance.now() - before) / 1000 });
      }
      return { size: file.size, answers, memory: (await client.request("memory", [])) / 2 ** 20 };
    },
    { pages: PAGES },
  );
  console.log(`pages of a stack of ${told.size} bytes: ${JSON.stringify(told.answers)}; the engine takes ${told.memory} MiB`);
  assert.ok(told.size > 6e9);
  assert.deepEqual(
    told.answers.map(({ page, pages, max }) => [page, pages, max]),
    [
      [0, PAGES, 1],
      [PAGES - 1, PAGES, PAGES],
    ],
  );
  assert.ok(told.memory < MOST, `${told.memory} MiB`);
  assert.deepEqual(observed.errors, []);
});
