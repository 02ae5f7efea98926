import assert from "node:assert/strict";
import { test } from "node:test";

import type { ObjectAttributes } from "../../www/document/types.js";
import { draftOf } from "../../www/storage/project_list.js";
import { storageSentence } from "../../www/storage/project_lock.js";
import { type ImageSnapshot, ProjectStore, type ProjectSnapshot } from "../../www/storage/project_store.js";
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
    objectCount: changes.width === 0 ? 0 : 1,
    packedObjects: async () => ({ runs, revision: changes.revision ?? 1, objects: new Map([[7, CELL]]), rejected: [] }),
    suggestions: [],
    searchedBy: "",
    ...changes,
  };
}

function projectOf(...images: ImageSnapshot[]): ProjectSnapshot {
  const classes = [{ id: "k", name: "nucleus", colour: "#ff0000" }];
  return { images, classes, currentClass: "k", current: images[0]?.id, inHand: null, findings: { learned: undefined, threshold: 0.5 } };
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

  const { images, unread, doubt, ...others } = await new ProjectStore().restore();
  assert.deepEqual([unread, doubt], [[], "none"]);
  assert.deepEqual(others, { classes: project.classes, currentClass: "k", current: "a", inHand: null, findings: undefined });
  const [a, b] = images;
  assert.deepEqual([a.name, a.width, a.height, a.heldOut, a.done], ["a.png", 4, 3, true, true]);
  assert.deepEqual([...a.objects], [[7, CELL]]);
  assert.deepEqual(a.runs, Uint32Array.of(5, 0, 7, 7));
  assert.equal(await (await a.thumbnail?.getFile())?.text(), "small");
  assert.deepEqual([b.width, b.runs.length, b.objects.size], [0, 0, 0]);
  assert.ok(a.source.kind === "file" && a.source.page === 2);
  assert.equal(await a.source.file.text(), "a");
});

/** A store of a page that is opened anew. */
async function reopened() {
  const store = new ProjectStore();
  await store.take();
  return { store, stored: await store.restore() };
}

test("what is removed from the project loses its files on the next visit, and the files of all others stay", async () => {
  const storage = MemoryStorage.install();
  const first = new ProjectStore();
  await first.save(projectOf(imageOf("kept"), imageOf("removed")));
  const both = storage.names("project");
  await first.save(projectOf(imageOf("kept")));
  assert.deepEqual(storage.names("project"), both, "undo may bring it back");
  const { stored } = await reopened();
  assert.deepEqual(
    stored.images.map(({ id }) => id),
    ["kept"],
  );
  const left = storage.names("project");
  assert.deepEqual(
    left.filter((name) => !name.endsWith(".image")),
    ["kept.objects", "project.json", "project.next.json"],
  );
  assert.equal(left.length, 4);
});

test("a page that was opened while another one stored does not store over it, and says what to do", async () => {
  const storage = MemoryStorage.install();
  const tab = storage.openTab();
  const first = new ProjectStore();
  await first.save(projectOf(imageOf("a")));
  const laterTab = storage.openTab();
  const later = new ProjectStore();
  await assert.rejects(later.take(), (error) => /open in another tab/.test(storageSentence(error)));
  await later.restore();

  tab.use();
  const newer = imageOf("a", { revision: 2, runs: Uint32Array.of(12, 7) });
  await first.save(projectOf(newer));
  tab.close();
  laterTab.use();
  const older = projectOf(imageOf("a", { revision: 1, runs: Uint32Array.of(12, 0) }));
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(later.save(older), (error) => /export it, then reload the page/.test(storageSentence(error)));
  }
  assert.ok(!later.holds(older.images));
  assert.deepEqual((await new ProjectStore().restore()).images[0].runs, Uint32Array.of(12, 7));
});

test("of three tabs one stores, and each that stores later has read all", async () => {
  const storage = MemoryStorage.install();
  const tabs = [1, 2, 3].map(() => storage.openTab());
  const stores = tabs.map(() => new ProjectStore());
  const say = async (tab: number, revision: number) => {
    tabs[tab].use();
    return stores[tab].save(projectOf(imageOf("a", { revision }))).then(() => "stored", storageSentence);
  };
  tabs[0].use();
  await stores[0].take();
  for (const [i, store] of stores.entries()) {
    tabs[i].use();
    await store.restore();
  }
  assert.match(await say(1, 1), /open in another tab/);
  assert.match(await say(2, 1), /open in another tab/);
  tabs[0].close();
  assert.equal(await say(2, 2), "stored", "nobody has stored since it read");
  assert.match(await say(1, 2), /open in another tab/);
  tabs[2].close();
  assert.match(await say(1, 3), /reload the page/);
});

test("one file that cannot be read keeps no other from being stored", async () => {
  const storage = MemoryStorage.install();
  const moved = new Blob(["x"]);
  storage.refuse(moved);
  const store = new ProjectStore();
  const images = [imageOf("a", { source: { kind: "file", name: "a", file: moved } }), imageOf("b")];
  await assert.rejects(store.save(projectOf(...images)), (error) => /labels are stored, but a copy/.test(storageSentence(error, true)));
  assert.deepEqual([store.holds(images), store.holdsFiles(images), store.holdsFiles(images.slice(1))], [true, false, true]);
  const { stored } = await reopened();
  assert.deepEqual(
    stored.images.map(({ id, source, runs }) => [id, source.kind === "file" && source.missing, runs.length]),
    [
      ["a", true, 4],
      ["b", undefined, 4],
    ],
  );
});

test("a page that reads what another one has stored last may store when that one is closed", async () => {
  const storage = MemoryStorage.install();
  const tab = storage.openTab();
  await new ProjectStore().save(projectOf(imageOf("a")));
  storage.openTab();
  const later = new ProjectStore();
  await later.restore();
  tab.close();
  await later.save(projectOf(imageOf("a", { revision: 3, runs: Uint32Array.of(12, 7) })));
  assert.deepEqual((await new ProjectStore().restore()).images[0].runs, Uint32Array.of(12, 7));
});

for (const how of ["torn", "faulty"]) {
  test(`a ${how} list is made up for by its other copy, and nothing is removed meanwhile`, async () => {
    for (const name of ["project.json", "project.next.json"]) {
      const storage = MemoryStorage.install();
      const first = new ProjectStore();
      await first.save(projectOf(imageOf("a"), imageOf("b")));
      await first.save(projectOf(imageOf("a")));
      const files = storage.names("project");
      if (how === "torn") await storage.put("project", name, (await storage.text("project", name)).slice(0, 50));
      else storage.breakFile(name);
      const { stored } = await reopened();
      assert.deepEqual([stored.images.map(({ id }) => id), stored.doubt], [["a"], "some"]);
      assert.deepEqual(storage.names("project"), files);
    }
  });
}

test("lists that cannot be read are put aside, and nothing is ever removed then", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("a")));
  const before = storage.names("project");
  for (const name of ["project.json", "project.next.json"]) await storage.put("project", name, `{"images":[{"id":`);
  const { store, stored } = await reopened();
  assert.deepEqual([stored.images, stored.doubt], [[], "all"]);
  await store.save(projectOf(imageOf("b")));
  assert.equal(await storage.text("project", "project.json.unread"), `{"images":[{"id":`);
  const next = await reopened();
  assert.deepEqual(
    next.stored.images.map(({ id }) => id),
    ["b"],
  );
  for (const name of before) assert.ok(storage.names("project").includes(name), name);
});

test("the images with which a torn list begins come back, and the files of all others stay", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("a"), imageOf("b")));
  const before = storage.names("project");
  for (const name of ["project.json", "project.next.json"]) {
    const text = await storage.text("project", name);
    await storage.put("project", name, text.slice(0, text.indexOf("b.png")));
  }
  const { store, stored } = await reopened();
  assert.deepEqual([stored.images.map(({ id }) => id), stored.doubt], [["a"], "all"]);
  await store.save(projectOf(imageOf("a", { revision: 5 })));
  await reopened();
  for (const name of before) assert.ok(storage.names("project").includes(name), name);
});

test("lists that can be read again later are not stored over", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("a")));
  for (const name of ["project.json", "project.next.json"]) storage.breakFile(name);
  const { store } = await reopened();
  await assert.rejects(store.save(projectOf(imageOf("b"))));
  for (const name of ["project.json", "project.next.json"]) storage.breakFile(name, false);
  await assert.rejects(store.save(projectOf(imageOf("b"))), /reload the page/);
  assert.deepEqual((await new ProjectStore().restore()).images[0].id, "a");
});

test("an image that cannot be read has nothing removed, and is there when it can be read again", async () => {
  const storage = MemoryStorage.install();
  const first = new ProjectStore();
  await first.save(projectOf(imageOf("a"), imageOf("b"), imageOf("c")));
  await first.save(projectOf(imageOf("a"), imageOf("b")));
  const files = storage.names("project");
  storage.breakFile("a.objects");
  const { store, stored } = await reopened();
  assert.deepEqual(stored.unread, ["a.png"]);
  await store.save(projectOf(imageOf("b", { revision: 4 })));
  assert.deepEqual(storage.names("project"), files, "c was removed, but its files stay");
  storage.breakFile("a.objects", false);
  assert.deepEqual((await reopened()).stored.images.map(({ id }) => id).sort(), ["a", "b"]);
});

test("what the version before stored is read, with two copies of one file, and stays readable", async () => {
  const storage = MemoryStorage.install();
  const entry = (id: string, page: number) => ({ id, name: "stack.tif", kind: "file", page, width: 4, height: 3, done: true });
  const images = [entry("p0", 0), entry("p1", 1), { ...entry("looked", 2), done: false }];
  await storage.put("project", "project.json", JSON.stringify({ images, classes: [], currentClass: null, current: "p1", inHand: null }));
  const text = new TextEncoder().encode(JSON.stringify([[7, CELL]]).padEnd(200));
  const objects = new Blob([Uint32Array.of(200), text, Uint32Array.of(5, 0, 7, 7)]);
  for (const { id } of images) {
    await storage.put("project", `${id}.image`, "all pages");
    // It was opened on a second visit and left as it was.
    if (id === "looked") continue;
    await storage.put("project", `${id}.thumbnail`, "small");
    (await storage.file("project", `${id}.objects`)).bytes = new Uint8Array(await objects.arrayBuffer());
  }
  await storage.put("project", "gone.image", "removed in an earlier visit");
  for (let visit = 0; visit < 2; visit++) {
    const { store, stored } = await reopened();
    assert.deepEqual([stored.current, stored.doubt, stored.unread], ["p1", "none", []]);
    const looked = stored.images.pop();
    assert.deepEqual([looked?.id, looked?.objects.size, looked?.source.page], ["looked", 0, 2]);
    for (const [page, { id, source, runs, objects, done, thumbnail }] of stored.images.entries()) {
      assert.deepEqual([id, source.page, done, await (await thumbnail?.getFile())?.text()], [`p${page}`, page, true, "small"]);
      assert.ok(source.kind === "file" && !source.missing);
      assert.equal(await source.file.text(), "all pages");
      assert.deepEqual([[...objects], runs], [[[7, CELL]], Uint32Array.of(5, 0, 7, 7)]);
    }
    const again = stored.images.map(({ id, source, done }) => imageOf(id, { name: "stack.tif", source, done, revision: 0 }));
    const last = imageOf("looked", { name: "stack.tif", source: looked?.source, width: 0, revision: 0 });
    await store.save({ ...projectOf(...again, last), current: "p1" });
  }
  assert.ok(!storage.names("project").includes("gone.image"));
});

test("objects come back without their file, which is then asked for", async () => {
  const storage = MemoryStorage.install();
  await new ProjectStore().save(projectOf(imageOf("a")));
  const [copy] = storage.names("project").filter((name) => name.endsWith(".image"));
  await storage.remove("project", copy);
  const { stored } = await reopened();
  const [{ source, runs }] = stored.images;
  assert.ok(source.kind === "file" && source.missing);
  assert.deepEqual([runs, stored.unread, stored.doubt], [Uint32Array.of(5, 0, 7, 7), [], "none"]);
});

/** A page of one stack. @param changes of the image */
function pageOf(page: number, file: Blob, changes: Partial<ImageSnapshot> = {}) {
  return imageOf(`p${page}`, { source: { kind: "file", name: "stack.tif", page, file }, ...changes });
}

const copiesIn = (storage: MemoryStorage) => storage.names("project").filter((name) => name.endsWith(".image"));

test("a file is stored once, whatever its pages", async () => {
  const storage = MemoryStorage.install();
  const store = new ProjectStore();
  const pages = [0, 1, 2, 3].map((page) => pageOf(page, new Blob(["all pages"])));
  await store.save(projectOf(...pages));
  while (await store.saveFile(projectOf(...pages)));
  assert.equal(copiesIn(storage).length, 1);
  const { images } = await new ProjectStore().restore();
  for (const { source } of images) assert.equal(source.kind === "file" && (await source.file.text()), "all pages");
});

test("where room is lacking, embeddings go first, then files of removed images and of those without objects", async () => {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "a");
  const store = new ProjectStore();
  const looked = (id: string) =>
    imageOf(id, { objectCount: 0, width: 0, source: { kind: "file", name: id, file: new Blob([id.repeat(2000)]) } });
  const [removed, seen, open] = ["r", "s", "o"].map(looked);
  const all = { ...projectOf(removed, seen, open), current: "o" };
  while (await store.saveFile(all));
  assert.equal(copiesIn(storage).length, 3);
  const before = { ...all, images: [seen, open] };
  await store.save(before);
  storage.room = 1000;
  const large = imageOf("x", { width: 225, height: 1, runs: new Uint32Array(450).fill(1) });
  await store.save({ ...before, images: [seen, open, large] });
  assert.deepEqual(storage.names("embeddings"), []);
  assert.ok(store.holds([large]));
  const { images } = await new ProjectStore().restore();
  const there = images.filter(({ source }) => source.kind === "file" && !source.missing).map(({ id }) => id);
  assert.deepEqual(there.sort(), ["o", "x"], "what is open stays, and so does what has objects");
  assert.equal(seen.source.kind === "file" && (await seen.source.file.text()), "s".repeat(2000), "the person's own file serves");
});

test("the only copy of an image that is in the list stays where room is lacking", async () => {
  const storage = MemoryStorage.install();
  const seen = imageOf("s", { objectCount: 0, width: 0, source: { kind: "file", name: "s", file: new Blob(["s".repeat(2000)]) } });
  await new ProjectStore().saveFile(projectOf(seen));
  const store = new ProjectStore();
  await store.take();
  const { images } = await store.restore();
  const again = imageOf("s", { objectCount: 0, width: 0, source: images[0].source });
  storage.room = 1000;
  const large = imageOf("x", { width: 225, height: 1, runs: new Uint32Array(450).fill(1) });
  const save = store.save({ ...projectOf(again, large), current: "x" });
  await assert.rejects(save, (error) => storageSentence(error).startsWith("The browser's storage is full"));
  assert.equal(again.source.kind === "file" && (await again.source.file.text()), "s".repeat(2000));
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

test("suggestions and what was learned do without their place where storage is full, and objects are stored", async () => {
  const storage = MemoryStorage.install();
  const runs = Uint32Array.of(0, 4);
  const suggestions = Array.from({ length: 200 }, () => ({ x0: 0, y0: 0, x1: 2, y1: 2, runs, sureness: 0.5 }));
  const learned = {
    id: "1",
    file: new Blob(["x".repeat(20_000)]),
    image: "a",
    objects: 3,
    classId: null,
    quality: undefined,
    before: undefined,
  };
  const project = { ...projectOf(imageOf("a", { suggestions, searchedBy: "1" })), findings: { learned, threshold: 0.7 } };
  storage.quota = 4000;
  const store = new ProjectStore();
  await store.save(project);
  assert.ok(store.holds(project.images));
  const full = await new ProjectStore().restore();
  assert.deepEqual([full.images[0].suggestions, full.images[0].searchedBy, full.findings], [[], "", undefined]);
  assert.deepEqual(full.images[0].runs, Uint32Array.of(5, 0, 7, 7));

  storage.quota = 1e9;
  const later = { ...project, images: [imageOf("a", { suggestions: suggestions.slice(1), searchedBy: "1" })] };
  await store.save({ ...later, findings: { learned, threshold: 0.8 } });
  const { images, findings } = await new ProjectStore().restore();
  assert.deepEqual([images[0].suggestions.length, images[0].searchedBy, findings?.threshold], [199, "1", 0.8]);
  assert.equal(await findings?.learned?.file.text(), "x".repeat(20_000));
});

/** Suggestions that take some 1,200 bytes. */
function suggestionsOf(count = 20) {
  return Array.from({ length: count }, () => ({ x0: 0, y0: 0, x1: 2, y1: 2, runs: Uint32Array.of(0, 4), sureness: 0.5 }));
}

const findingsOf = (bytes: number): ProjectSnapshot["findings"] => ({
  learned: { id: "1", file: new Blob(["x".repeat(bytes)]), image: "a", objects: 3, classId: null, quality: undefined, before: undefined },
  threshold: 0.5,
});

/** An object file of some bytes. */
function largeOf(id: string, bytes: number) {
  const pixels = Math.ceil(bytes / 8);
  return imageOf(id, { width: pixels, height: 1, runs: new Uint32Array(2 * pixels).fill(1) });
}

/** A stored project of which each kind of file takes more than a thousand bytes, with `o` open. */
async function crowded() {
  const storage = MemoryStorage.install();
  await putEmbeddings(storage, "a");
  const store = new ProjectStore();
  const file = new Blob(["r".repeat(1500)]);
  const removed = imageOf("r", { objectCount: 0, width: 0, source: { kind: "file", name: "r", file } });
  const searched = ["o", "p", "q"].map((id) => imageOf(id, { suggestions: suggestionsOf(), searchedBy: "1" }));
  const all = { ...projectOf(...searched, removed), current: "o", findings: findingsOf(1500) };
  const project = { ...all, images: searched };
  await store.save(project);
  const kept = new Set(copiesIn(storage));
  while (await store.saveFile(all));
  await store.save(project);
  const copy = copiesIn(storage).find((name) => !kept.has(name)) ?? assert.fail();
  /** What is left of what may go. */
  const left = () => {
    const all = [...searched.map(({ id }) => `${id}.suggestions`), "finder-1.safetensors", copy];
    assert.deepEqual(storage.names("embeddings"), [], "these go first");
    const there = all.filter((name) => storage.names("project").includes(name));
    return there.map((name) => (name === copy ? "r" : name.split(/[.-]/)[0])).join(" ");
  };
  return { storage, store, project, left };
}

test("where room is lacking for objects, suggestions go after embeddings and before the files of images, the open image's last", async () => {
  const steps: string[] = [];
  for (let bytes = 200; bytes < 9000; bytes += 400) {
    const { storage, store, project, left } = await crowded();
    const large = largeOf("x", bytes);
    storage.room = 600;
    try {
      await store.save({ ...project, images: [...project.images, large] });
    } catch (error) {
      assert.match(storageSentence(error), /^The browser's storage is full/);
      continue;
    }
    assert.ok(store.holds([...project.images, large]));
    const { images } = await new ProjectStore().restore();
    assert.deepEqual(
      images
        .filter(({ runs }) => runs.length > 0)
        .map(({ id }) => id)
        .sort(),
      ["o", "p", "q", "x"],
    );
    const now = left();
    if (now !== steps.at(-1)) steps.push(now);
  }
  assert.deepEqual(steps, ["o p q finder r", "o q finder r", "o finder r", "finder r", "r", ""]);
});

test("what has given way in a visit is not stored again before it changes, and what is taken back is not stored any more", async () => {
  const { storage, store, project, left } = await crowded();
  storage.room = 600;
  const large = largeOf("x", 2600);
  const all = { ...project, images: [...project.images, large] };
  await store.save(all);
  const fewer = left();
  assert.notEqual(fewer, "o p q finder r");
  storage.room = 1e6;
  await store.save({ ...all, currentClass: null });
  assert.equal(left(), fewer);
  const again = all.images.map((image) => (image === large ? image : { ...image, suggestions: suggestionsOf() }));
  await store.save({ ...all, images: again, findings: { ...project.findings, threshold: 0.6 } });
  assert.equal(left(), "o p q finder r");
  const without = again.map((image) => ({ ...image, suggestions: [], searchedBy: "" }));
  await store.save({ ...all, images: without, findings: { learned: undefined, threshold: 0.5 } });
  assert.equal(left(), "r");
  assert.equal((await new ProjectStore().restore()).findings, undefined);
});

test("what was thrown away is stored with the objects, and the files of an image go with it", async () => {
  const storage = MemoryStorage.install();
  const gone = { x0: 1, y0: 1, x1: 3, y1: 2, runs: Uint32Array.of(0, 2), sureness: 0.25 };
  const packedObjects = async () => ({ runs: Uint32Array.of(12, 0), revision: 1, objects: new Map(), rejected: [gone] });
  const image = imageOf("a", { objectCount: 0, packedObjects, suggestions: [gone], searchedBy: "1" });
  const first = new ProjectStore();
  await first.save(projectOf(image));
  assert.deepEqual((await new ProjectStore().restore()).images[0].rejected, [gone]);
  assert.ok(storage.names("project").includes("a.suggestions"));
  await first.save(projectOf());
  await reopened();
  assert.ok(!storage.names("project").includes("a.suggestions"));
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
  // A sixteenth of the quota stays free, so the image lacks 1100 bytes; what is left over takes the list, twice.
  storage.quota = ((4 * 1000 + 1000) * 16) / 15;
  await new ProjectStore().saveFile(project);
  const [image] = (await new ProjectStore().restore()).images;
  assert.ok(image.source.kind === "file");
  assert.equal(image.source.file.size, 2100);
  assert.deepEqual(storage.names("embeddings"), ["a", "b"], "the least recently used went, and no more than needed");
});

for (const name of ["QuotaExceededError", "NotReadableError"]) {
  test(`a project goes before embeddings where a write fails with ${name}`, async () => {
    const storage = MemoryStorage.install();
    await putEmbeddings(storage, "f", "e", "d", "c", "b", "a");
    const store = new ProjectStore();
    const project = projectOf(imageOf("x", { width: 250, height: 1, runs: new Uint32Array(500).fill(1) }));
    storage.room = 1000;
    storage.error = name;
    await store.save(project);
    assert.ok(store.holds(project.images));
    const { images } = await new ProjectStore().restore();
    assert.deepEqual([images[0].id, images[0].runs.length], ["x", 500]);
    // The objects take 2000 bytes and some, twice while they are stored, and all else less than the rest.
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
  storage.quota = 3000;
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

test("of more images than are read as one, each comes back with its own, but for those that cannot be read", async () => {
  const storage = MemoryStorage.install();
  const count = 150;
  const images = Array.from({ length: count }, (_, i) => imageOf(`i${i}`, { runs: Uint32Array.of(12 - (i % 12), i + 1, i % 12, 0) }));
  const store = new ProjectStore();
  await store.save(projectOf(...images));
  while (await store.saveFile(projectOf(...images)));
  // One is faulty, one was being replaced, one is cut off and one is another's size.
  const objects = await storage.file("project", "i3.objects");
  (await storage.file("project", "i70.objects.next")).bytes = (await storage.file("project", "i71.objects")).bytes.slice();
  (await storage.file("project", "i140.objects")).bytes = objects.bytes.slice(0, -4);
  storage.breakFile("i3.objects");
  storage.breakFile("i149.objects");
  const { stored } = await reopened();
  assert.deepEqual(stored.unread, ["i3.png", "i140.png", "i149.png"]);
  const expected = [...images.keys()].filter((i) => ![3, 140, 149].includes(i));
  assert.deepEqual(
    stored.images.map(({ id }) => id),
    expected.map((i) => `i${i}`),
  );
  for (const [place, { id, runs, source }] of stored.images.entries()) {
    const i = expected[place] === 70 ? 71 : expected[place];
    assert.deepEqual(runs, Uint32Array.of(12 - (i % 12), i + 1, i % 12, 0), id);
    assert.equal(source.kind === "file" && (await source.file.text()), id);
  }
  const memories = new Set(stored.images.map(({ runs }) => runs.buffer));
  assert.equal(memories.size, expected.length, "none of them goes when another's memory is handed on");
});

test("a visit looks into two files of each image: thumbnails are read when they are shown", async () => {
  const storage = MemoryStorage.install();
  const images = Array.from({ length: 100 }, (_, i) => imageOf(`i${i}`, { thumbnail: new Blob([`small ${i}`]) }));
  await new ProjectStore().save(projectOf(...images));
  const before = storage.looks;
  const { store, stored } = await reopened();
  // Both copies of the list as well.
  assert.equal(storage.looks - before, 202);
  assert.equal(await (await stored.images[42].thumbnail?.getFile())?.text(), "small 42");
  const operations = storage.operations;
  const again = stored.images.map(({ id, source, thumbnail }) => imageOf(id, { source, thumbnail, revision: 0 }));
  await store.save(projectOf(...again));
  await store.save(projectOf(...again));
  const writes = storage.operations - operations;
  assert.ok(writes < 10, `${writes} operations write the list and no thumbnail`);
});
