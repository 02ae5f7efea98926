// A browser that keeps no files for the page, as over plain http or in some private windows: everything works for the
// visit, and what is not kept is told in sentences.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, test } from "node:test";

import type { StoredFile } from "../../www/document/catalogue.js";
import type { StoredTraining } from "../../www/document/types.js";
import { nothingKeptSentence } from "../../www/session/nothing_kept.js";
import { removeCheckpoint, storeCheckpoint, storedTraining } from "../../www/storage/checkpoint_store.js";
import { EmbeddingStore } from "../../www/storage/embedding_store.js";
import { downloadModel, listModels } from "../../www/storage/model_store.js";
import { storageSentence } from "../../www/storage/project_lock.js";
import { ProjectStore } from "../../www/storage/project_store.js";
import { Hash } from "./digest.js";
import { MemoryStorage } from "./memory_storage.js";
import { World } from "./stand_in_engine.js";
import { sourceOf, Visit } from "./visit.js";

const PRIVATE = /^This browser keeps no files for this page, as in a private window.* open the page in another window or browser/;
const PLAIN_HTTP = /^Over plain http this browser keeps no files for this page.* open the page over https or on localhost/;

const refuses = async () => {
  throw new DOMException("Security error when calling GetDirectory", "SecurityError");
};
const locks = { request: (_name: string, _options: unknown, held: () => unknown) => Promise.resolve(held()) };

/** What a page may find, and what it is told then. */
const BROWSERS = [
  { name: "over plain http", navigator: {}, secure: false, told: PLAIN_HTTP },
  { name: "without the private file system", navigator: { locks, storage: { estimate: async () => ({}) } }, secure: true, told: PRIVATE },
  { name: "with a file system that is refused", navigator: { locks, storage: { getDirectory: refuses } }, secure: true, told: PRIVATE },
];

function become({ navigator, secure }: Pick<(typeof BROWSERS)[number], "navigator" | "secure">) {
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  Object.defineProperty(globalThis, "isSecureContext", { value: secure, configurable: true });
}

afterEach(() => become({ navigator: {}, secure: true }));

const MODEL = new Uint8Array(1000).map((_, i) => i % 251);

function entryOf(sha256: string): StoredFile {
  return { key: sha256, name: "Other SAM", addresses: ["https://models.example/other"], bytes: MODEL.length, sha256 };
}

const ENTRY = entryOf(createHash("sha256").update(MODEL).digest("hex"));

/** Sends the model up to a byte. */
function serve(bytes = MODEL.length) {
  const ranges: (string | undefined)[] = [];
  globalThis.fetch = async (_url, { headers } = {}) => {
    ranges.push((headers as { Range?: string } | undefined)?.Range);
    return new Response(MODEL.slice(0, bytes));
  };
  return ranges;
}

const EMPTY = {
  images: [],
  classes: [],
  currentClass: null,
  current: undefined,
  inHand: null,
  findings: { learned: undefined, threshold: 0.5 },
};

const download = (entry = ENTRY) => downloadModel(entry, Hash, () => {}, new AbortController().signal);

for (const browser of BROWSERS) {
  test(`${browser.name}: what is not kept is told, with what helps`, async () => {
    become(browser);
    const error: unknown = await new ProjectStore().save(EMPTY).catch((error) => error);
    assert.match(storageSentence(error), browser.told);
    assert.match((await nothingKeptSentence()) ?? "", browser.told);
    await assert.rejects(storeCheckpoint({ step: 1 } as StoredTraining, new Uint8Array(8)), ({ message }) => browser.told.test(message));
  });

  test(`${browser.name}: stores are empty and refuse nothing that can be done without`, async () => {
    become(browser);
    assert.equal(await storedTraining(), undefined);
    await removeCheckpoint();
    assert.deepEqual(await listModels(), []);
    const embeddings = new EmbeddingStore();
    await embeddings.store("key", Float32Array.of(1, 2));
    assert.equal(await embeddings.read("key"), undefined);
  });

  test(`${browser.name}: a downloaded model is used, though not kept`, async () => {
    become(browser);
    serve();
    const model = await download();
    assert.ok(model instanceof Blob);
    assert.deepEqual(new Uint8Array(await model.arrayBuffer()), MODEL);
  });

  test(`${browser.name}: labels are made, and the person is told once that they are not stored`, async () => {
    const visit = await Visit.withoutStorage(new World());
    become(browser);
    await visit.bench.files.openImages([sourceOf("a")]);
    await visit.until("it is open", () => visit.bench.project.current.peek() !== undefined);
    visit.bench.objects.replace("draw", new Uint32Array(120).fill(1));
    await visit.rest();
    assert.match(visit.sentence, browser.told);
    assert.ok(visit.keeper.atRisk);
    assert.equal(visit.bench.project.current.peek()?.labels.objects, 1);
    visit.bench.notices.dismiss();
    visit.bench.objects.replace("draw", new Uint32Array(120).fill(2));
    await visit.rest();
    assert.equal(visit.sentence, "");
  });
}

test("a download that breaks off or is damaged leaves nothing, and begins anew", async () => {
  become(BROWSERS[0]);
  serve(600);
  await assert.rejects(download(), /broke off at .* press Download to begin it again\.$/);
  const ranges = serve();
  assert.ok((await download()) instanceof Blob);
  assert.deepEqual(ranges, [undefined]);
  serve();
  await assert.rejects(download(entryOf("0")), /is damaged.* download it again\.$/);
});

test("a model that is at hand as a file is loaded from it, again after a crash", async () => {
  const world = new World();
  const visit = await Visit.withoutStorage(world);
  await visit.rest();
  const about = { id: "other", description: "", licence: "", licence_url: "" };
  const entry = { ...ENTRY, ...about, decoder: ENTRY };
  const source = { kind: "stored", entry, file: new Blob(["Other SAM"]), decoder: new Blob(["instances"]) } as const;
  visit.bench.session.openModel(source);
  await visit.until("it is loaded", () => world.engine?.instances === "instances");
  world.engine?.die("after the model was loaded");
  await visit.rest();
  assert.deepEqual([world.engine?.model, world.engine?.instances], ["Other SAM", "instances"]);
  assert.deepEqual(visit.bench.session.model.source.peek(), source);
});

test("where the browser does not tell how much there is room for, things are stored", async () => {
  const storage = MemoryStorage.install();
  Object.defineProperty(storage, "estimate", { value: undefined });
  await storeCheckpoint({ step: 3, when: 1, settings: {} } as StoredTraining, new Uint8Array(8));
  assert.equal((await storedTraining())?.step, 3);
  const embeddings = new EmbeddingStore();
  await embeddings.store("key", Float32Array.of(1, 2));
  assert.deepEqual(await embeddings.read("key"), Float32Array.of(1, 2));
});

test("a browser that cannot write files from a page says that nothing is kept", async (t) => {
  MemoryStorage.install();
  Object.defineProperty(globalThis, "FileSystemFileHandle", { value: class {}, configurable: true });
  t.after(() => Reflect.deleteProperty(globalThis, "FileSystemFileHandle"));
  const saved = new ProjectStore().save(EMPTY);
  await assert.rejects(saved, ({ message }) => PRIVATE.test(message));
});

test("where only workers may write, the project is not kept, and the sentence for that is the same", async () => {
  MemoryStorage.install();
  assert.equal(await nothingKeptSentence(), undefined);
  // As in WebKit for long.
  Object.defineProperty(globalThis, "FileSystemFileHandle", { value: class {}, configurable: true });
  try {
    assert.match((await nothingKeptSentence()) ?? "", PRIVATE);
    await assert.rejects(new ProjectStore().save(EMPTY), ({ message }) => PRIVATE.test(message));
  } finally {
    delete (globalThis as { FileSystemFileHandle?: unknown }).FileSystemFileHandle;
  }
});
