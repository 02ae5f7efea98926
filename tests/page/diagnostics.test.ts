// What "Copy diagnostics" says, and what it must not.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { diagnosticsOf } from "../../www/session/diagnostics.js";
import { pause, World } from "./stand_in_engine.js";
import { sourceOf, Visit } from "./visit.js";

function become(gpu: unknown) {
  const value = { ...navigator, userAgent: "Browser/1", hardwareConcurrency: 6, storage: navigator.storage, locks: navigator.locks, gpu };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
}

afterEach(() => become(undefined));

class Limits {
  get maxBufferSize() {
    return 268435456;
  }
  get maxBindGroups() {
    return 4;
  }
}
for (const name of ["maxBufferSize", "maxBindGroups"]) Object.defineProperty(Limits.prototype, name, { enumerable: true });

test("the adapter, the engine and its crashes are told, and nothing of the images", async () => {
  const visit = await Visit.begin(new World(), "auto");
  await visit.rest();
  await visit.bench.session.openImage(sourceOf("patient Smith"));
  await visit.rest();
  visit.world.engine?.die("the GPU was lost");
  await pause();
  await visit.rest();
  const adapter = { info: { vendor: "acme", architecture: "one" }, features: new Set(["shader-f16", "subgroups"]), limits: new Limits() };
  become({ requestAdapter: async () => adapter });
  const text = await diagnosticsOf(visit.bench.session);
  for (const part of [
    "Browser: Browser/1",
    "Cores: 6",
    "Device: WebGPU (stand-in)",
    "WebGPU adapter: acme, one",
    "Features: shader-f16, subgroups",
    "  maxBindGroups: 4\n  maxBufferSize: 268435456",
    "Image: 12 × 10",
    "  the GPU was lost",
  ]) {
    assert.ok(text.includes(part), `${part} in\n${text}`);
  }
  assert.ok(!text.includes("Smith"), text);
});

test("a browser without WebGPU, without an adapter, or with one that fails is told as that", async () => {
  const visit = await Visit.begin(new World(), "cpu");
  await visit.rest();
  for (const [gpu, said] of [
    [undefined, "WebGPU: the browser has none"],
    [{ requestAdapter: async () => null }, "WebGPU: there is no adapter"],
    [{ requestAdapter: () => Promise.reject(new Error("blocked")) }, "WebGPU: the adapter could not be asked for (blocked)"],
  ] as const) {
    become(gpu);
    assert.ok((await diagnosticsOf(visit.bench.session)).includes(said));
  }
});
