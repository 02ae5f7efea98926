import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { decode } from "fast-png";

import { maskPng } from "../../www/commands/mask_png.js";
import type { MaskRegion } from "../../www/document/types.js";
import { Random } from "./random.js";
import { planeOf } from "./shapes.js";
import { HEIGHT, WIDTH, World } from "./stand_in_engine.js";
import { labelledImage, Visit } from "./visit.js";

async function decoded(png: Blob) {
  const { width, height, depth, channels, data } = decode(await png.arrayBuffer(), { checkCrc: true });
  assert.deepEqual([depth, channels], [8, 1], "8 bits of gray");
  return { width, height, data };
}

test("a mask's PNG has 255 inside and 0 outside, in 8 bits", async () => {
  const random = new Random(1);
  const empty: MaskRegion = { x0: 0, y0: 0, x1: 0, y1: 0, bits: new Uint8Array(0) };
  for (const [width, height] of [
    [1, 1],
    [61, 47],
    [300, 7001],
    [7001, 300],
  ]) {
    const [x0, y0] = [random.below(width), random.below(height)];
    const box = { x0, y0, x1: x0 + 1 + random.below(width - x0), y1: y0 + 1 + random.below(height - y0) };
    const bits = Uint8Array.from({ length: (box.x1 - box.x0) * (box.y1 - box.y0) }, () => 255 * random.below(2));
    for (const mask of [{ ...box, bits }, empty]) {
      const image = await decoded(await maskPng(mask, width, height));
      assert.deepEqual([image.width, image.height], [width, height]);
      assert.ok(Buffer.from(image.data.buffer).equals(Buffer.from(planeOf(mask, width, height) ?? [])));
    }
  }
});

test("a corrected mask is downloaded as it is shown", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("a.tif")]);
  const { navigation, prompts, labelTools, tools, files } = visit.bench;
  await visit.rest();
  navigation.step(1);
  await visit.rest();
  prompts.add({ kind: "point", x: 3, y: 3, positive: true });
  await visit.rest();
  labelTools.choose("draw");
  tools.setBrushSize(1);
  labelTools.press({ x: WIDTH - 0.5, y: HEIGHT - 0.5 }, false, 0);
  labelTools.release({ x: WIDTH - 0.5, y: HEIGHT - 0.5 });
  const shown = visit.mask ?? assert.fail("there is no mask");
  assert.equal(shown.at(-1), 255, "the corner was drawn");
  files.downloadMask();
  await visit.until("the mask is saved", () => visit.saved.length === 1);
  const [{ file, name }] = visit.saved;
  const image = await decoded(file);
  assert.deepEqual([name, image.width, image.height], ["a-mask.png", WIDTH, HEIGHT]);
  assert.deepEqual([...image.data], [...shown]);
});
