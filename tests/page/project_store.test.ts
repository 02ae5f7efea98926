import assert from "node:assert/strict";
import { test } from "node:test";

import type { ObjectAttributes } from "../../www/document/types.js";
import { draftOf, type ImageSnapshot, ProjectStore, type ProjectSnapshot, storageSentence } from "../../www/storage/project_store.js";
import { MemoryStorage } from "./memory_storage.js";

const CELL: ObjectAttributes = { name: "cell", classId: "k", colour: null, hidden: false, locked: true, iou: 0.9 };

/** @param changes of the image, and the runs of its objects */
function imageOf(
  id: string,
  { runs = Uint32Array.of(5, 0, 7, 7), ...changes }: Partial<ImageSnapshot> & { runs?: Uint32Array } = {},
): ImageSnapshot {
  return {
    id,
    name: `${id}.png`,
    source: { kind: "file", name: `${id}.png`, page: 2, file: new Blob([id]) },
    display: undefined,
    width: 4,
    height: 3,
    heldOut: undefined,
    done: false,
    thumbnail: undefined,
    revision: 1,
    packedObjects: async () => ({ runs, revision: changes.revision ?? 1, objects: new Map([[7, CELL]]) }),
    ...changes,
  };
}

function projectOf(...images: ImageSnapshot[]): ProjectSnapshot {
  const classes = [{ id: "k", name: "nucleus", colour: "#ff0000" }];
  return { images, classes, currentClass: "k", current: images[0]?.id, inHand: null };
}

test("a project comes back as it was stored", async () => {
  MemoryStorage.install();
  const project = projectOf(imageOf("a", { heldOut: true, done: true, thumbnail: new Blob(["small"]) }), imageOf("b", { width: 0 }));
  const store = new ProjectStore();
  await store.save(project);
  assert.ok(store.holds(project.images));
  assert.deepEqual(
    (await new ProjectStore().restore()).images.map(({ id }) => id),
    ["a"],
    "the file of b is not stored yet",
  );
  while (await store.saveFile(project));

  const { images, unread, ...others } = await new ProjectStore().restore();
  assert.deepEqual(unread, []);
  assert.deepEqual(others, { classes: project.classes, currentClass: "k", current: "a", inHand: null });
  const [a, b] = images;
  assert.deepEqual([a.name, a.width, a.height, a.heldOut, a.done], ["a.png", 4, 3, true, true]);
  assert.deepEqual([...a.objects], [[7, CELL]]);
  assert.deepEqual(a.runs, Uint32Array.of(5, 0, 7, 7));
  assert.equal(await a.thumbnail?.text(), "small");
  assert.deepEqual([b.width, b.runs.length, b.objects.size], [0, 0, 0]);
  assert.ok(a.source.kind === "file" && a.source.page === 2);
  assert.equal(await a.source.file.text(), "a");
});

test("images of other pages stay in the project file, and removed ones lose their files on the next visit", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("other")));
  const store = new ProjectStore();
  await store.save(projectOf(imageOf("own"), imageOf("removed")));
  await store.save(projectOf(imageOf("own")));
  const next = new ProjectStore();
  await next.take();
  assert.deepEqual(
    (await next.restore()).images.map(({ id }) => id),
    ["other", "own"],
  );
  assert.deepEqual(storage.names("project"), ["other.image", "other.objects", "own.image", "own.objects", "project.json"]);
});

test("an image whose objects cannot be read is named", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("a"), imageOf("b")));
  await storage.put("project", "a.objects", "");
  const { images, unread } = await new ProjectStore().restore();
  assert.deepEqual([images.map(({ id }) => id), unread], [["b"], ["a.png"]]);
});

test("full storage is told, and stored later", async () => {
  const storage = MemoryStorage.install();
  const store = new ProjectStore();
  const project = projectOf(imageOf("a"));
  storage.quota = 10;
  await assert.rejects(store.save(project), (error) => storageSentence(error).startsWith("The browser's storage is full"));
  assert.ok(!store.holds(project.images));
  storage.quota = 1e9;
  await store.save(project);
  assert.ok(store.holds(project.images));
});

test("a draft that an earlier version stored keeps its prompts and the chosen candidate", async () => {
  const storage = MemoryStorage.install();
  const prompt = { kind: "point", x: 3, y: 4, positive: true } as const;
  const earlier = { prompts: [prompt], ious: [0.9, 0.8, 0.7], selected: 2, refined: 5, corrections: [12, 0] };
  const draft = { rounds: [{ prompt, candidate: 2, side: 0 }], refined: 5, corrections: [12, 0] };
  await storage.put("project", "project.json", JSON.stringify({ ...projectOf(), images: [], inHand: earlier }));
  assert.deepEqual((await new ProjectStore().restore()).inHand, draft);
  assert.deepEqual(draftOf({ ...earlier, prompts: [prompt, prompt], ious: [0.9], selected: 0 })?.rounds, [
    { prompt, candidate: null, side: 0 },
    { prompt, candidate: null, side: 0 },
  ]);
  const ofParts = { ...draft, rounds: [{ prompt, candidate: 1, side: 512 }] };
  assert.deepEqual([draftOf(draft), draftOf(ofParts)], [draft, ofParts]);
  assert.deepEqual(draftOf({ ...draft, rounds: [{ prompt, candidate: 2 }] }), draft, "without sides, whole images were looked at");
  assert.equal(draftOf(undefined), null);
});

/** Embeddings of 1000 bytes, the first one used least recently. */
async function putEmbeddings(storage: MemoryStorage, ...names: string[]) {
  for (const [i, name] of names.entries()) {
    await storage.put("embeddings", name, "e".repeat(1000));
    (await storage.file("embeddings", name)).modified = 1000 + i;
  }
}

test("a project goes before embeddings where the browser says that storage is full", async () => {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "d", "c", "b", "a");
  const file = new Blob(["x".repeat(2100)]);
  const project = projectOf(imageOf("x", { width: 0, source: { kind: "file", name: "x", file } }));
  // A sixteenth of the quota stays free, so the image lacks 1500 bytes; what is left over takes the project file.
  storage.quota = ((4 * 1000 + 600) * 16) / 15;
  await new ProjectStore().saveFile(project);
  const [image] = (await new ProjectStore().restore()).images;
  assert.ok(image.source.kind === "file");
  assert.equal(image.source.file.size, 2100);
  assert.deepEqual(storage.names("embeddings"), ["a", "b"], "the least recently used went, and no more than needed");
});

for (const name of ["QuotaExceededError", "NotReadableError"]) {
  test(`a project goes before embeddings where a write fails with ${name}`, async () => {
    const storage = MemoryStorage.install();
    await putEmbeddings(storage, "d", "c", "b", "a");
    const store = new ProjectStore();
    const project = projectOf(imageOf("x", { runs: new Uint32Array(500) }));
    storage.room = 500;
    storage.error = name;
    await store.save(project);
    assert.ok(store.holds(project.images));
    const { images } = await new ProjectStore().restore();
    assert.deepEqual([images[0].id, images[0].runs.length], ["x", 500]);
    // The objects take 2000 bytes and some, and all else less than the rest.
    assert.deepEqual(storage.names("embeddings"), ["a", "b"]);
  });
}

test("a file that cannot be read any more costs no embeddings", async () => {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "a");
  storage.room = 0;
  storage.error = "NotReadableError";
  const file = new Blob(["x"]);
  file.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("it was moved")) }) as unknown as Blob;
  const project = projectOf(imageOf("x", { width: 0, source: { kind: "file", name: "x", file } }));
  await assert.rejects(new ProjectStore().saveFile(project), { name: "NotReadableError" });
  assert.deepEqual(storage.names("embeddings"), ["a"]);
});

test("embeddings stay where they would not make room enough, and full storage is told", async () => {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "b", "a");
  storage.quota = 2100;
  const project = projectOf(imageOf("x", { runs: new Uint32Array(1000) }));
  await assert.rejects(new ProjectStore().save(project), (error) => storageSentence(error).startsWith("The browser's storage is full"));
  assert.deepEqual(storage.names("embeddings"), ["a", "b"]);
});

test("without embeddings left, a write that fails is told as full storage", async () => {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "b", "a");
  storage.room = 10;
  const project = projectOf(imageOf("x", { runs: new Uint32Array(1000) }));
  await assert.rejects(new ProjectStore().save(project), (error) => storageSentence(error).startsWith("The browser's storage is full"));
  assert.deepEqual(storage.names("embeddings"), []);
});
