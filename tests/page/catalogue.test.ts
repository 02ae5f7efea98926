// The list of models for download, and their files: several of one model, and those whose digest nobody has published.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { filesOf, readCatalogue, type StoredFile } from "../../www/document/catalogue.js";
import { downloadModel, listModels, removeModel } from "../../www/storage/model_store.js";
import { Hash } from "./digest.js";
import { MemoryStorage } from "./memory_storage.js";

const BASE = new URL("https://lab.example/graysam/our/models.json");
const DIGEST = "0123456789abcdef".repeat(4);

const plain = {
  id: "ours",
  name: "Our model",
  description: "Trained on our frames.",
  addresses: ["files/ours.pt"],
  bytes: null,
  sha256: null,
  licence: "CC-BY-4.0",
  licence_url: "licence.html",
};
const decoder = { addresses: ["/elsewhere/decoder.pt", "https://other.example/decoder.pt"], bytes: 7, sha256: DIGEST };

function download(file: StoredFile, bytes: Uint8Array<ArrayBuffer>) {
  globalThis.fetch = async () => new Response(bytes, { headers: { "Content-Length": String(bytes.length) } });
  return downloadModel(file, Hash, () => {}, new AbortController().signal);
}

test("addresses start from the catalogue, and a model's decoder is a file of its own", () => {
  const [entry] = readCatalogue([{ ...plain, decoder }], BASE);
  assert.equal(entry.licence_url, "https://lab.example/graysam/our/licence.html");
  const [model, instances] = filesOf(entry);
  assert.deepEqual(model.addresses, ["https://lab.example/graysam/our/files/ours.pt"]);
  assert.deepEqual(instances.addresses, ["https://lab.example/elsewhere/decoder.pt", "https://other.example/decoder.pt"]);
  assert.deepEqual([instances.key, instances.name], [DIGEST, "Our model (decoder)"]);
  assert.notEqual(model.key, instances.key);
  assert.deepEqual(filesOf(readCatalogue([plain], BASE)[0]).length, 1);
});

test("the page's own catalogue is one", async () => {
  const text = await readFile(new URL("../../../../www/catalogue.json", import.meta.url), "utf8");
  const entries = readCatalogue(JSON.parse(text), BASE);
  const keys = entries.flatMap((entry) => filesOf(entry).map(({ key }) => key));
  assert.equal(new Set(keys).size, keys.length, "each file has a key of its own");
});

test("what is no catalogue is told, and which entry it is", () => {
  const bad = [{ ...plain, id: "Our model" }, { ...plain, addresses: [] }, { ...plain, bytes: "many" }, { ...plain, sha256: "x" }, null];
  for (const entry of [...bad, { ...plain, decoder: { addresses: "x" } }]) {
    assert.throws(() => readCatalogue([plain, entry], BASE), /^Error: Entry 2 of the catalogue \/graysam\/our\/models.json is not/);
  }
  assert.throws(() => readCatalogue({}, BASE), /^Error: Entry 1 /);
  assert.throws(() => readCatalogue([plain, plain], BASE), /have the same id/);
});

test("a digest that nobody has published is computed at the first download, and kept", async () => {
  MemoryStorage.install();
  const [file] = filesOf(readCatalogue([plain], BASE)[0]);
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 253);
  assert.equal(await download(file, bytes), true);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  assert.deepEqual(await listModels(), [{ key: file.key, bytes: bytes.length, sha256 }]);
  await removeModel(file.key);
  assert.deepEqual(await listModels(), []);
});

test("a file whose published digest is another is refused", async () => {
  const storage = MemoryStorage.install();
  const [, file] = filesOf(readCatalogue([{ ...plain, decoder }], BASE)[0]);
  await assert.rejects(download(file, new Uint8Array(7)), /Our model \(decoder\) is damaged: its checksum/);
  assert.deepEqual(storage.names("models"), []);
});
