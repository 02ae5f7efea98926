// SAM ViT-B at its full size in the page, on the CPU device. Its weights are noise, which costs as much.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { clickImage, launch, openPage, waitState } from "./harness.js";
import { graysam, temporaryFolder } from "./sample.js";

/** Most memory that the engine may take, in MiB. */
const MOST = 2.5 * 1024;

test("ViT-B encodes and answers a click within 2.5 GB", async () => {
  const folder = temporaryFolder();
  const model = join(folder, "vit_b.safetensors");
  graysam(["noise", "--config", "vit_b", "--out", model]);
  const browser = await launch();
  try {
    const { page, observed } = await openPage(browser, "?device=cpu");
    await waitState(page, "ready", 180_000);
    await page.setInputFiles("#model-file", model);
    await page.waitForFunction(() => document.getElementById("model-name")?.textContent === "SAM ViT-B", undefined, {
      timeout: 180_000,
    });
    await page.click("#open-sample");
    await waitState(page, "encoded", 600_000);
    const status = (await page.textContent("#status")) ?? "";
    console.log(`ViT-B: ${status}`);
    const memory = Number(/([\d,]+) MiB/.exec(status)?.[1].replaceAll(",", ""));
    assert.ok(memory > 0 && memory < MOST, `the engine takes ${memory} MiB`);
    await clickImage(page, 320, 256);
    await waitState(page, "masked", 120_000);
    assert.deepEqual(observed.errors, []);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
});
