// The CPU device's matrix products with relaxed SIMD against those without, which the native tests hold to PyTorch's.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DISPLAY, inChromium, MOBILE_SAM } from "../bench/chromium.js";
import { openEngine } from "../bench/in_worker.js";

/**
 * Some values of the sample's embedding.
 * @param {string} base @param {string} model @param {import("../../www/engine/graysam.js").Display} display
 * @param {boolean} relaxed false: in a browser that does not know relaxed SIMD
 */
async function embed(base, model, display, relaxed) {
  if (!relaxed) WebAssembly.validate = () => false;
  const engine = await openEngine(base, model);
  engine.open_sample();
  engine.begin_encoding(display);
  await engine.encode(() => {});
  const values = (await engine.embedding()).filter((_, i) => i % 97 === 0);
  return { fused: engine.products_are_fused, values: [...values] };
}

test("an embedding is the same with fused multiply-add as without, but for rounding", async () => {
  const plain = await inChromium(embed, MOBILE_SAM, DISPLAY, false);
  const fused = await inChromium(embed, MOBILE_SAM, DISPLAY, true);
  assert.deepEqual([plain.fused, fused.fused], [false, true]);
  assert.ok(plain.values.length > 10_000);

  const norm = (/** @type {number[]} */ values) => Math.hypot(...values);
  const error = norm(plain.values.map((value, i) => value - fused.values[i])) / norm(plain.values);
  console.log(`relative difference: ${error.toExponential(1)}`);
  assert.ok(error < 1e-5, `the embeddings differ by ${error}`);
  assert.ok(error > 0, "the products were computed in the same way");
});
