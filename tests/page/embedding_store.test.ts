import assert from "node:assert/strict";
import { test } from "node:test";

import type { StoredFile } from "../../www/document/catalogue.js";
import type { StoredTraining } from "../../www/document/types.js";
import type { Sha256 } from "../../www/engine/graysam.js";
import { readCheckpoint, storeCheckpoint } from "../../www/storage/checkpoint_store.js";
import { budgetOf, EmbeddingStore } from "../../www/storage/embedding_store.js";
import { downloadModel } from "../../www/storage/model_store.js";
import { MemoryStorage } from "./memory_storage.js";
import { Random } from "./random.js";

const VALUES = 64;
/** Four for each value, and a SHA-256. */
const FILE_BYTES = VALUES * 4 + 32;

/** Other values for each key, which is a number. */
function valuesOf(key: string, count = VALUES) {
  return new Float32Array(count).fill(Number(key) + 0.5);
}

/** Storage whose tenth takes so many embeddings. */
function storageFor(count: number) {
  const storage = MemoryStorage.install();
  storage.quota = count * FILE_BYTES * 10;
  return storage;
}

async function storeAll(store: EmbeddingStore, ...keys: string[]) {
  for (const key of keys) await store.store(key, valuesOf(key));
}

test("an embedding comes back as it was stored, in this visit and the next", async () => {
  MemoryStorage.install();
  const store = new EmbeddingStore();
  assert.equal(await store.read("1"), undefined);
  await storeAll(store, "1", "2");
  for (const reader of [store, new EmbeddingStore()]) {
    assert.deepEqual(await reader.read("1"), valuesOf("1"));
    assert.deepEqual(await reader.read("2"), valuesOf("2"));
  }
  await store.store("1", valuesOf("3", 10));
  assert.deepEqual(await store.read("1"), valuesOf("3", 10), "a shorter one takes the place of a longer one");
});

test("embeddings take a tenth of the quota, and never more than 512 MiB", async () => {
  const storage = storageFor(5);
  const store = new EmbeddingStore();
  for (let i = 0; i < 100; i++) {
    await storeAll(store, String(i));
    assert.equal(storage.names("embeddings").length, Math.min(i + 1, 5));
  }
  storage.quota = 3.5 * FILE_BYTES * 10;
  await storeAll(store, "100");
  assert.deepEqual(storage.names("embeddings"), ["100", "98", "99"]);
  await store.store("101", valuesOf("101", 4 * VALUES));
  assert.equal(await store.read("101"), undefined, "one that takes more than the tenth is not stored");

  assert.deepEqual([1e9, 1e12].map(budgetOf), [1e8, 512 * 1024 * 1024]);
});

test("the least recently used go first, and reading is a use", async () => {
  const storage = storageFor(6);
  const random = new Random(1);
  let store = new EmbeddingStore();
  /** The least recently used first. */
  let kept: string[] = [];
  for (let i = 0; i < 2000; i++) {
    const key = String(random.below(12));
    if (random.chance(0.02)) store = new EmbeddingStore();
    if (random.chance(0.5)) {
      assert.deepEqual(await store.read(key), kept.includes(key) ? valuesOf(key) : undefined);
      if (kept.includes(key)) kept = [...kept.filter((other) => other !== key), key];
    } else {
      await storeAll(store, key);
      kept = [...kept.filter((other) => other !== key), key].slice(-6);
    }
    assert.deepEqual(storage.names("embeddings"), [...kept].sort());
  }
});

test("reading is a use in a private window too, whose files do not tell it", async () => {
  const storage = storageFor(3);
  storage.makePrivate();
  const store = new EmbeddingStore();
  await storeAll(store, "1", "2", "3");
  // Times are whole milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await store.read("1");
  await storeAll(store, "4");
  assert.deepEqual(storage.names("embeddings"), ["1", "3", "4"]);
});

test("what another tab stores, uses and removes counts", async () => {
  const storage = storageFor(4);
  const [here, there] = [new EmbeddingStore(), new EmbeddingStore()];
  await storeAll(here, "1", "2", "3", "4");
  await there.read("1");
  await storeAll(there, "5");
  assert.deepEqual(storage.names("embeddings"), ["1", "3", "4", "5"]);
  await storeAll(here, "6");
  assert.deepEqual(storage.names("embeddings"), ["1", "4", "5", "6"]);
  await storage.remove("embeddings", "4");
  await storeAll(here, "7");
  assert.deepEqual(storage.names("embeddings"), ["1", "5", "6", "7"]);

  for (let i = 10; i < 200; i++) {
    await storeAll(i % 3 ? here : there, String(i));
    assert.ok(storage.names("embeddings").length <= 4 + 16, "between two listings, the others' are not known");
  }
  for (let i = 200; i < 216; i++) await storeAll(here, String(i));
  assert.deepEqual(storage.names("embeddings"), ["212", "213", "214", "215"]);
});

test("one that another tab has open is read, and does not stop others from being stored", async () => {
  const storage = storageFor(2);
  const store = new EmbeddingStore();
  await storeAll(store, "1", "2");
  const handle = await (await storage.file("embeddings", "1")).createSyncAccessHandle();
  assert.deepEqual(await store.read("1"), valuesOf("1"));
  await storeAll(store, "2", "3");
  assert.deepEqual(await store.read("3"), valuesOf("3"));
  handle.close();
  await storeAll(new EmbeddingStore(), "4");
  assert.deepEqual(storage.names("embeddings"), ["3", "4"]);
});

test("the folder is not looked through for each embedding", async () => {
  const storage = storageFor(128);
  const before = new EmbeddingStore();
  for (let i = 0; i < 128; i++) await storeAll(before, String(i));
  const store = new EmbeddingStore();
  await storeAll(store, "1000");
  const looks = storage.looks;
  for (let i = 1001; i < 1033; i++) await storeAll(store, String(i));
  assert.equal(storage.names("embeddings").length, 128);
  // Of each, the file itself and the one that makes way for it.
  assert.equal(storage.looks - looks, 2 * 32);
});

test("a torn embedding never comes back as a whole one", async () => {
  const storage = MemoryStorage.install();
  const store = new EmbeddingStore();
  const values = new Float32Array(new Uint8Array(VALUES * 4).fill(0x41).buffer);
  await store.store("1", values);
  const whole = (await storage.file("embeddings", "1")).bytes;
  const torn = Array.from({ length: FILE_BYTES }, (_, length) => whole.slice(0, length));
  // What the disk had not kept yet reads as zeros, in the right length.
  for (let at = 0; at < FILE_BYTES; at += 16) {
    for (const [from, to] of [
      [at, at + 16],
      [0, at + 16],
      [at, FILE_BYTES],
    ])
      torn.push(whole.slice().fill(0, from, to));
  }
  torn.push(Uint8Array.from([...whole, 0]));
  for (const bytes of torn) {
    (await storage.file("embeddings", "1")).bytes = bytes;
    assert.equal(await store.read("1"), undefined);
    assert.deepEqual(storage.names("embeddings"), [], "it is removed");
  }
  await store.store("1", values);
  assert.deepEqual(await store.read("1"), values);
});

for (const window of ["window", "private window"]) {
  test(`full storage in a ${window} costs other embeddings at most, and is not told`, async () => {
    const storage = MemoryStorage.install();
    if (window !== "window") storage.makePrivate();
    const store = new EmbeddingStore();
    await storage.put("project", "a.objects", "objects");
    await storeAll(store, "1", "2", "3");
    storage.room = 0;
    await storeAll(store, "4");
    assert.deepEqual(storage.names("embeddings"), ["2", "3", "4"]);
    assert.deepEqual(await store.read("4"), valuesOf("4"));
    await store.store("5", valuesOf("5", VALUES * 100));
    assert.deepEqual(storage.names("embeddings"), [], "no part of what never fits stays");
    assert.equal(await storage.text("project", "a.objects"), "objects");
    storage.quota = 10;
    await storeAll(store, "6");
    assert.deepEqual(storage.names("embeddings"), []);
  });
}

test("without storage nothing is kept, and nothing is told", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const store = new EmbeddingStore();
  await storeAll(store, "1");
  assert.equal(await store.read("1"), undefined);
});

function trainingAt(step: number): StoredTraining {
  const settings = { steps: 9, batch: 4, learning_rate: 1e-4, rounds: 2, points: 0.5, held_out: 0.1, evaluate_every: 3, seed: 0 };
  return { base: "0", model: "MobileSAM", settings, step, when: 1000 + step, images: ["a"] };
}

test("a checkpoint goes before embeddings", async () => {
  const storage = MemoryStorage.install();
  const store = new EmbeddingStore();
  await storeAll(store, "1", "2", "3", "4", "5", "6");
  await store.read("1");
  storage.room = 500;
  const checkpoint = new TextEncoder().encode("c".repeat(500 + FILE_BYTES));
  await storeCheckpoint(trainingAt(1), checkpoint);
  assert.deepEqual(new Uint8Array(await (await readCheckpoint()).arrayBuffer()), checkpoint);
  // One for the checkpoint, one for what is known of it.
  assert.deepEqual(storage.names("embeddings"), ["1", "4", "5", "6"]);
  await assert.rejects(storeCheckpoint(trainingAt(2), new Uint8Array(1e5)), /no room for the training's checkpoint/);
  assert.equal((await readCheckpoint()).size, checkpoint.length);
});

/** Counts what it is given. */
class StandInHash {
  #bytes = 0;
  update(bytes: Uint8Array) {
    this.#bytes += bytes.length;
  }
  hex = () => `${this.#bytes} bytes`;
  free = () => {};
}

async function download(bytes: number) {
  const chunks = Array.from({ length: bytes / 100 }, () => new Uint8Array(100));
  globalThis.fetch = async () => new Response(new Blob(chunks), { headers: { "Content-Length": String(bytes) } });
  const file: StoredFile = { key: "m", name: "Model M", addresses: ["http://localhost/m"], bytes, sha256: `${bytes} bytes` };
  return downloadModel(file, StandInHash as unknown as typeof Sha256, () => {}, new AbortController().signal);
}

test("a model goes before embeddings", async () => {
  const storage = MemoryStorage.install();
  await storeAll(new EmbeddingStore(), "1", "2", "3", "4");
  storage.room = 1000;
  assert.ok(await download(1000 + FILE_BYTES * 2 - 76));
  assert.deepEqual(storage.names("embeddings"), ["3", "4"]);
  await assert.rejects(download(5000), /^Error: There is no room left to keep Model M/);
});
