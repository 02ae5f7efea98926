// SAM ViT-B at its full size in the page, on the CPU device. Its weights are noise, which costs as much.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { clickImage, launch, openPage, waitState, zoomTo } from "../harness.js";
import { graysam, temporaryFolder } from "../sample.js";

/** Most memory that the engine may take, in MiB. */
const MOST = 2.5 * 1024;
/** What one more part may add to it: 4 MiB of embedding, and as much again for what lies between. */
const PART = 8;

/** What the engine takes in MiB, as the status line says. @param {import("../harness.js").Page} page */
async function memoryOf(page) {
  const status = (await page.textContent("#status")) ?? "";
  console.log(`ViT-B: ${status}`);
  return Number(/([\d,]+) MiB/.exec(status)?.[1].replaceAll(",", ""));
}

test("ViT-B encodes and answers clicks, of a large image in its parts, within 2.5 GB", async () => {
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
    const memory = await memoryOf(page);
    assert.ok(memory > 0 && memory < MOST, `the engine takes ${memory} MiB`);
    await clickImage(page, 320, 256);
    await waitState(page, "masked", 120_000);

    const [mosaic, labels] = ["mosaic.png", "labels.png"].map((name) => join(folder, name));
    graysam(["sample", "--mosaic", "1500", "--image", mosaic, "--labels", labels]);
    await page.setInputFiles("#image-file", mosaic);
    await page.waitForFunction(() => document.getElementById("image-facts")?.textContent?.startsWith("mosaic"));
    await waitState(page, "encoded", 600_000);
    const sizes = [];
    for (const at of [400, 1100]) {
      await zoomTo(page, at, at, 500);
      await clickImage(page, at, at);
      await waitState(page, "masked", 600_000);
      sizes.push(await memoryOf(page));
      await page.keyboard.press("Escape");
      await waitState(page, "encoded");
    }
    assert.ok(sizes[1] < MOST && sizes[1] - sizes[0] <= PART, `a part adds ${sizes[1] - sizes[0]} MiB`);
    assert.deepEqual(observed.errors, []);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
});
