import assert from "node:assert/strict";
import { test } from "node:test";

import type { ObjectAttributes } from "../../www/document/types.js";
import { draftOf, type ImageSnapshot, ProjectStore, type ProjectSnapshot, storageSentence } from "../../www/storage/project_store.js";
import { MemoryStorage } from "./memory_storage.js";

const CELL: ObjectAttributes = { name: "cell", classId: "k", colour: null, hidden: false, locked: true, iou: 0.9 };

function imageOf(id: string, changes: Partial<ImageSnapshot> = {}): ImageSnapshot {
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
    objects: new Map([[7, CELL]]),
    runs: () => Uint32Array.of(5, 0, 7, 7),
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
  const draft = { rounds: [{ prompt, candidate: 2 }], refined: 5, corrections: [12, 0] };
  await storage.put("project", "project.json", JSON.stringify({ ...projectOf(), images: [], inHand: earlier }));
  assert.deepEqual((await new ProjectStore().restore()).inHand, draft);
  assert.deepEqual(draftOf({ ...earlier, prompts: [prompt, prompt], ious: [0.9], selected: 0 })?.rounds, [
    { prompt, candidate: null },
    { prompt, candidate: null },
  ]);
  assert.deepEqual(draftOf(draft), draft);
  assert.equal(draftOf(undefined), null);
});
