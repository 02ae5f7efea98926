import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { identify } from "../../www/document/content.js";
import type { Suggestion, SuggestionRecord } from "../../www/document/suggestion.js";
import { ProjectImage } from "../../www/document/project.js";
import type { ProjectRecord } from "../../www/document/project_record.js";
import { projectText, put, randomProject, unzipped, zipped } from "./project_files.js";
import { Random } from "./random.js";
import { HEIGHT, pause, WIDTH, World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

/** A path that stays in its folder, in names that every file system takes. */
const SAFE = /^(?!.*(^|\/)(con|\.+)(\.[a-z]+)?(\/|$))[^\\:*?"<>|\u0000-\u001f]+$/i;

/** Waits until it is so. Files are read and packed beside the page's own turns, on a busy machine for many of them. */
async function reached(holds: () => boolean) {
  for (const end = performance.now() + 120_000; !holds();) {
    assert.ok(performance.now() < end, "it waits for ever");
    await pause();
  }
}

/** The file that “Save project” hands over. */
async function saved(visit: Visit) {
  await visit.bench.projectFiles.save();
  const { file, name } = visit.saved.at(-1) ?? assert.fail(`nothing was saved: ${visit.sentence}`);
  assert.match(name, /\.graysam\.zip$/);
  return file;
}

/** A visit with an empty store that has opened a project file. */
async function openedIn(file: Blob, world = new World()) {
  const visit = await Visit.begin(world);
  await visit.bench.projectFiles.open(file);
  return visit;
}

/** Opens a project file beside what is there, or in its place. */
async function answered(visit: Visit, file: Blob, answer: "merge" | "replace" | "cancel") {
  const { projectFiles } = visit.bench;
  const opening = projectFiles.open(file);
  await reached(() => projectFiles.question.peek() !== undefined);
  projectFiles.answer(answer);
  await opening;
}

/** A project of two labelled images with a class, of which one is open. */
async function twoImages() {
  const images = [labelledImage("a.png"), labelledImage("b.png")];
  const visit = await Visit.begin(new World(), "cpu", images);
  await visit.bench.session.openImage(images[0].source);
  const classId = visit.bench.images.addClass();
  visit.bench.objects.change("name", [1], { name: "nucleus", classId });
  await visit.rest();
  return visit;
}

/** Masks of two pixels beside each other. @param places of their left ones */
function masksAt(...places: [x: number, y: number][]): Suggestion[] {
  return places.map(([x0, y0], i) => ({ x0, y0, x1: x0 + 2, y1: y0 + 1, runs: Uint32Array.of(0, 2), sureness: 0.9 - i / 10 }));
}

/** The same with suggestions, one that was thrown away, and what was learned from the first image. */
async function searchedImages() {
  const visit = await twoImages();
  const { images, suggestions } = visit.bench.project;
  const [a, b] = images.peek();
  a.rejected = masksAt([3, 6]);
  visit.bench.project.objectsChanged(a);
  suggestions.put(a, masksAt([1, 5], [5, 8]), "f1");
  suggestions.put(b, masksAt([7, 9]), "f1");
  const quality = { examples: 2, found: 1, missed: 1, wrong: 3 };
  const learned = { id: "f1", file: new Blob(["learned"]), image: a.id, objects: 2, classId: null, quality, before: undefined };
  suggestions.restore({ learned, threshold: 0.25 });
  await visit.rest();
  return visit;
}

/** The same file with some of its parts changed, or without those that become undefined. */
async function changed(file: Blob, change: (files: Map<string, Blob | string>, record: ProjectRecord) => void) {
  const files = new Map<string, Blob | string>(await unzipped(file));
  const record = JSON.parse(await (files.get("project.json") as Blob).text());
  change(files, record);
  if (files.has("project.json")) files.set("project.json", JSON.stringify(record));
  return zipped(files);
}

test("any project comes back from its file as it was", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const made = randomProject(new Random(seed));
    const visit = await Visit.begin(new World());
    put(visit, made);
    const file = await saved(visit);
    // Keys of contents are found when the project is saved.
    const text = await projectText(visit);
    const other = await openedIn(file);
    assert.equal(await projectText(other), text, `seed ${seed}: ${other.sentence}`);
    for (const path of (await unzipped(file)).keys()) assert.match(path, SAFE, `seed ${seed}`);
  }
});

test("a project that was opened is stored, and comes back at the next visit", async () => {
  const first = await searchedImages();
  const second = await openedIn(await saved(first));
  await second.until("the image is open", () => second.bench.project.current.peek() !== undefined);
  await second.rest();
  second.checkAgreement();
  const text = await projectText(second);
  await reached(() => !second.keeper.storing && !second.keeper.atRisk);
  const third = Visit.again(new World());
  await third.keeper.restored;
  await third.rest();
  assert.equal(await projectText(third), text);
  assert.equal(third.bench.project.current.peek()?.name, "a.png");
});

test("what was suggested, thrown away and learned comes along, and a search goes on with it", async () => {
  const visit = await searchedImages();
  const file = await saved(visit);
  const paths = [...(await unzipped(file)).keys()].filter((path) => /^(suggestions|finder)/.test(path)).sort();
  assert.deepEqual(paths, ["finder/learned.safetensors", "suggestions/1.json", "suggestions/2.json"]);
  const other = await openedIn(file);
  const { images, suggestions } = other.bench.project;
  const [a, b] = images.peek();
  assert.deepEqual([a.rejected, a.suggestions, b.suggestions], [masksAt([3, 6]), masksAt([1, 5], [5, 8]), masksAt([7, 9])]);
  const { learned, threshold } = suggestions.findings;
  assert.deepEqual([learned?.image, learned?.objects, learned?.quality?.wrong, threshold], [a.id, 2, 3, 0.25]);
  assert.equal(await learned?.file.text(), "learned");
  assert.deepEqual(other.bench.session.finding.left.peek(), []);
});

test("a project file without suggestions opens, as does one that says nothing of them", async () => {
  const visit = await twoImages();
  const file = await changed(await saved(visit), (_, record) => {
    Reflect.deleteProperty(record, "finder");
    for (const image of record.images) for (const name of ["rejected", "searchedBy", "suggestions"]) Reflect.deleteProperty(image, name);
  });
  assert.equal(await projectText(await openedIn(file)), await projectText(visit));
});

test("a file of several pages is in the project file once, and strangers find images and labels", async () => {
  const file = new Blob(["stack"]);
  const sources = [0, 1].map((page) => ({ kind: "file" as const, name: "stack.tif", path: "plate/stack.tif", file, page }));
  const images = sources.map((source) => Object.assign(labelledImage("stack.tif"), { source }));
  const visit = await Visit.begin(new World(), "cpu", images);
  const paths = [...(await unzipped(await saved(visit))).keys()].sort();
  assert.deepEqual(paths, [
    "README.txt",
    "coco.json",
    "images/plate/stack.tif",
    "labels/plate/stack-labels.tif",
    "labels/plate/stack-page-2-labels.tif",
    "objects/1.bin",
    "objects/2.bin",
    "project.json",
  ]);
  assert.equal(visit.saved[0].name, "plate.graysam.zip");
});

test("a fine-tuned decoder comes along, as does whether it is in use", async () => {
  for (const used of [true, false]) {
    const visit = await twoImages();
    visit.bench.session.decoder.open(new Blob(["my decoder"]), used);
    await visit.rest();
    const world = new World();
    const other = await openedIn(await saved(visit), world);
    await other.rest();
    assert.deepEqual([world.engine?.decoder, world.engine?.fineTuned], ["my decoder", used]);
  }
});

test("a decoder of another model stays in the file, and the person is told", async () => {
  const visit = await twoImages();
  visit.bench.session.decoder.open(new Blob(["my decoder"]));
  await visit.rest();
  const file = await saved(visit);
  const other = await Visit.begin(new World());
  other.bench.session.openModel({ kind: "file", file: new File(["ViT-B"], "ViT-B") });
  await other.rest();
  await other.bench.projectFiles.open(file);
  await other.rest();
  assert.match(other.sentence, /belongs to MobileSAM/);
  assert.equal(other.world.engine?.decoder, undefined);
  assert.equal(other.bench.project.images.peek().length, 2);
});

test("an image whose file is missing comes back asking for it, and takes it", async () => {
  const visit = await twoImages();
  const [image] = visit.bench.project.images.peek();
  visit.bench.project.close();
  image.source = { kind: "file", name: "a.png", file: new Blob([]), missing: true };
  const other = await openedIn(await saved(visit));
  const missing = () => other.bench.project.images.peek().map(({ source }) => source.kind === "file" && source.missing === true);
  assert.deepEqual(missing(), [true, false]);
  await other.bench.files.openImages([sourceOf("a.png")]);
  await other.rest();
  assert.deepEqual([missing(), other.bench.project.current.peek()?.objectCount], [[false, false], 2]);
});

test("a file that cannot be read any more is left out and named, and the rest is saved", async () => {
  const visit = await twoImages();
  const gone = Object.assign(new Blob(["gone"]), {
    slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException("it was moved", "NotReadableError")) }),
  });
  Object.assign(visit.bench.project.images.peek()[1].source, { file: gone, content: "known" });
  const other = await openedIn(await saved(visit));
  assert.match(visit.sentence, /without the file of b\.png/);
  assert.deepEqual(
    other.bench.project.images.peek().map(({ objectCount }) => objectCount),
    [2, 2],
  );
});

test("a cut or changed file is refused, or what it holds is equal", async () => {
  const visit = await searchedImages();
  visit.bench.session.decoder.open(new Blob(["my decoder"]));
  await visit.rest();
  const bytes = new Uint8Array(await (await saved(visit)).arrayBuffer());
  const text = await projectText(visit);
  const random = new Random(7);
  let refused = 0;
  for (let i = 0; i < 200; i++) {
    const damaged = bytes.slice(0, i % 3 === 0 ? random.below(bytes.length) : undefined);
    if (i % 3 > 0) damaged[random.below(bytes.length)] ^= 1 << random.below(8);
    const other = await openedIn(new Blob([damaged]));
    const here = other.bench.project.images.peek().length;
    if (here === 0) {
      refused += 1;
      assert.match(other.sentence, /^The project cannot be opened\. [A-Z].*\.$/, `no. ${i}`);
    } else assert.equal(await projectText(other), text, `no. ${i}`);
  }
  assert.ok(refused > 130, `${refused} were refused`);
});

test("what is wrong with a project file is told in a sentence, and what is here stays", async () => {
  const file = await saved(await searchedImages());
  const outside = { box: [11, 9, 13, 10], runs: [0, 2], sureness: 0.5 } satisfies SuggestionRecord;
  const finderOf = ({ finder }: ProjectRecord) => finder ?? assert.fail();
  const [labels] = [...(await unzipped(file)).keys()].filter((path) => path.startsWith("labels/"));
  const wrong: [string, RegExp, Blob][] = [
    ["an image", /no zip file/, new Blob(["\x89PNG and so on"])],
    ["nothing", /no zip file/, new Blob([])],
    ["another zip file", /no project\.json/, await zipped([["a.txt", "a"]])],
    ["a later version's", /later version/, await changed(file, (_, record) => (record.version = 2))],
    ["another program's", /not one of GraySAM's/, await changed(file, (_, record) => Object.assign(record, { format: "other" }))],
    ["without a label image", /-labels\.tif is missing/, await changed(file, (files) => files.delete(labels))],
    ["without an image", /images\/a\.png is missing/, await changed(file, (files) => files.delete("images/a.png"))],
    ["without label maps", /objects\/2\.bin is missing/, await changed(file, (files) => files.delete("objects/2.bin"))],
    ["another image", /not the one on which/, await changed(file, (files) => files.set("images/a.png", "another"))],
    ["labels of another size", /It is 1 × 1 pixels/, await changed(file, (files) => files.set(labels, "[1,1,1,0]"))],
    ["other labels", /shows other objects/, await changed(file, (files) => files.set(labels, `[${WIDTH},${HEIGHT},${WIDTH * HEIGHT},3]`))],
    ["a shorter map", /holds 5 pixels/, await changed(file, (files) => files.set("objects/1.bin", new Blob([Uint32Array.of(5, 1)])))],
    ["an unlisted object", /no pixel of object 9/, await changed(file, (_, { images }) => (images[0].objects[0].number = 9))],
    ["a size that is none", /project\.json is not/, await changed(file, (_, { images }) => (images[0].width = -1))],
    ["a huge size", /project\.json is not/, await changed(file, (_, { images }) => (images[0].width = 4e9))],
    [
      "thrown away elsewhere",
      /project\.json is not .* no mask inside/,
      await changed(file, (_, { images }) => (images[0].rejected = [outside])),
    ],
    ["without suggestions", /suggestions\/2\.json is missing/, await changed(file, (files) => files.delete("suggestions/2.json"))],
    [
      "suggestions elsewhere",
      /holds no suggestions/,
      await changed(file, (files) => files.set("suggestions/1.json", JSON.stringify([outside]))),
    ],
    ["cut suggestions", /holds no suggestions/, await changed(file, (files) => files.set("suggestions/1.json", "[{"))],
    ["no list of suggestions", /holds no suggestions/, await changed(file, (files) => files.set("suggestions/1.json", "{}"))],
    ["without a finder", /learned\.safetensors is missing/, await changed(file, (files) => files.delete("finder/learned.safetensors"))],
    ["learned nowhere", /project\.json is not/, await changed(file, (_, record) => (finderOf(record).image = 2))],
    ["surer than sure", /project\.json is not/, await changed(file, (_, record) => (finderOf(record).threshold = 1.5))],
    ["no text", /is damaged/, await zipped([["project.json", "{"]])],
    ["a list", /project\.json is not/, await zipped([["project.json", "[]"]])],
  ];
  const visit = await twoImages();
  const before = await projectText(visit);
  for (const [what, sentence, other] of wrong) {
    await visit.bench.projectFiles.open(other);
    assert.match(visit.sentence, sentence, what);
    assert.match(visit.sentence, /^The project cannot be opened\. [A-Z].*\.$/s, what);
    assert.equal(visit.bench.projectFiles.question.peek(), undefined, what);
    assert.equal(await projectText(visit), before, what);
  }
});

test("replacing takes the place of what is here, and undo brings that back", async () => {
  const file = await saved(await searchedImages());
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("c.png")]);
  const learned = { id: "mine", image: undefined, objects: 7, classId: null, quality: undefined, before: undefined };
  visit.bench.project.suggestions.restore({ learned: { ...learned, file: new Blob(["mine"]) }, threshold: 0.75 });
  await visit.bench.session.openImage(visit.bench.project.images.peek()[0].source);
  await visit.rest();
  const before = await projectText(visit);
  await answered(visit, file, "replace");
  await visit.rest();
  const after = await projectText(visit);
  assert.deepEqual(
    visit.bench.project.images.peek().map(({ name }) => name),
    ["a.png", "b.png"],
  );
  visit.checkAgreement();
  for (const [how, text] of [
    ["undo", before],
    ["redo", after],
    ["undo", before],
  ] as const) {
    await visit.bench.history[how]();
    await visit.rest();
    assert.equal(await projectText(visit), text, how);
    visit.checkAgreement();
  }
});

test("whatever stops the page while a project is replaced, the next visit has the one or the other wholly", async () => {
  const file = await saved(await twoImages());
  const objects = (visit: Visit) => visit.bench.project.images.peek().map(({ name, objectCount }) => `${name} ${objectCount}`);
  const [old, other] = [
    ["c.png 2", "d.png 2"],
    ["a.png 2", "b.png 2"],
  ];
  const ends = new Set<string>();
  for (let operation = 1; operation < 40; operation++) {
    const visit = await Visit.begin(new World(), "cpu", [labelledImage("c.png"), labelledImage("d.png")]);
    visit.bench.project.touched();
    await visit.untilStored("d.png");
    await visit.rest();
    await answered(visit, file, "replace");
    visit.storage.stopAt(operation, operation % 2 === 0 ? "half" : undefined);
    await reached(() => visit.storage.stopped || !(visit.keeper.storing || visit.keeper.atRisk));
    const stopped = visit.storage.stopped;
    const next = Visit.again(new World());
    await next.keeper.restored;
    const found = JSON.stringify(objects(next));
    assert.ok(
      [old, other].some((whole) => JSON.stringify(whole) === found),
      `operation ${operation}: ${found}`,
    );
    ends.add(found);
    if (!stopped) break;
  }
  assert.equal(ends.size, 2, "both happen");
});

test("without an answer nothing changes", async () => {
  const file = await saved(await twoImages());
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("c.png")]);
  const before = await projectText(visit);
  await answered(visit, file, "cancel");
  assert.equal(await projectText(visit), before);
  assert.equal(visit.bench.history.last.peek(), undefined);
});

test("a merge of the same project changes nothing", async () => {
  const visit = await twoImages();
  const file = await saved(visit);
  const before = await projectText(visit);
  await answered(visit, file, "merge");
  await visit.rest();
  assert.equal(await projectText(visit), before);
  assert.equal(visit.sentence, "");
});

test("a merge adds what is not here, and overwrites no object", async () => {
  const theirs = await twoImages();
  theirs.bench.project.add([sourceOf("c.png")]);
  const file = await saved(theirs);
  const [a, b] = [labelledImage("a.png"), new ProjectImage(sourceOf("b.png"))];
  a.packed = Uint32Array.of(WIDTH * HEIGHT, 7);
  const visit = await Visit.begin(new World(), "cpu", [a, b]);
  const { bench } = visit;
  await bench.session.openImage(b.source);
  await visit.rest();
  const before = await projectText(visit);
  await answered(visit, file, "merge");
  await visit.rest();
  visit.checkAgreement();
  const images = bench.project.images.peek();
  assert.deepEqual(
    images.map(({ name, objectCount }) => [name, objectCount]),
    [
      ["a.png", 1],
      ["b.png", 2],
      ["c.png", 0],
    ],
  );
  assert.match(visit.sentence, /^a\.png has other objects here/);
  assert.equal(bench.project.current.peek(), b, "the open image stays open");
  const after = await projectText(visit);
  await bench.history.undo();
  await visit.rest();
  assert.equal(await projectText(visit), before);
  await bench.history.redo();
  await visit.rest();
  assert.equal(await projectText(visit), after);
});

test("in a merge an image keeps what was thrown away and suggested here, and takes what is lacking where the objects are the same", async () => {
  const file = await saved(await searchedImages());
  const open = async (change: (a: ProjectImage, b: ProjectImage, visit: Visit) => void) => {
    const visit = await twoImages();
    const [a, b] = visit.bench.project.images.peek();
    change(a, b, visit);
    const before = await projectText(visit);
    await answered(visit, file, "merge");
    await visit.rest();
    const [learned, found] = [visit.bench.project.suggestions.learned.peek()?.id, [a.rejected, a.suggestions, b.suggestions]];
    await visit.bench.history.undo();
    await visit.rest();
    assert.equal(await projectText(visit), before);
    visit.checkAgreement();
    return { learned, found };
  };
  const theirs = [masksAt([3, 6]), masksAt([1, 5], [5, 8]), masksAt([7, 9])];
  assert.deepEqual(await open(() => {}), { learned: "f1", found: theirs });
  const own = await open((a, b) => {
    a.rejected = masksAt([1, 5]);
    Object.assign(b, { suggestions: masksAt([2, 8]), searchedBy: "mine" });
  });
  assert.deepEqual(own.found, [masksAt([1, 5]), masksAt([1, 5], [5, 8]).slice(1), masksAt([2, 8])]);
  const other = await open((a, _, { bench }) => {
    bench.objects.remove([1]);
    Object.assign(a, { suggestions: masksAt([2, 8]), searchedBy: "mine" });
  });
  assert.deepEqual(other.found.slice(0, 2), [[], masksAt([2, 8])], "with other objects");
});

test("what was learned here stays in a merge, and what a file brings is taken back with it", async () => {
  const file = await saved(await searchedImages());
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("c.png")]);
  const { suggestions } = visit.bench.project;
  await answered(visit, file, "merge");
  assert.deepEqual([suggestions.learned.peek()?.id, suggestions.threshold.peek()], ["f1", 0.25]);
  await visit.bench.history.undo();
  assert.deepEqual([suggestions.learned.peek(), suggestions.threshold.peek()], [undefined, 0.5]);
  const mine = { id: "mine", file: new Blob(["mine"]), image: undefined, objects: 7, classId: null, quality: undefined, before: undefined };
  suggestions.restore({ learned: mine, threshold: 0.75 });
  await visit.bench.history.redo();
  assert.deepEqual(suggestions.findings, { learned: mine, threshold: 0.75 });
});

test("no merge changes objects that are here, and undo takes it back wholly", async () => {
  for (let seed = 1000; seed < 1040; seed++) {
    const random = new Random(seed);
    const [here, there] = [randomProject(random), randomProject(random)];
    // Some images are in both, with other objects or the same ones.
    const shared = there.images
      .filter(() => random.chance(0.5))
      .map((image) =>
        Object.assign(new ProjectImage({ ...image.source }), {
          width: image.width,
          height: image.height,
          display: image.display,
          packed: image.packed.slice(),
          rejected: random.chance(0.3) ? image.rejected : [],
        }),
      );
    here.images.push(...shared);
    const theirs = await Visit.begin(new World());
    put(theirs, there);
    const file = await saved(theirs);
    const visit = await Visit.begin(new World());
    const { project, history } = visit.bench;
    put(visit, here);
    await Promise.all(here.images.map(({ source }) => identify(source)));
    const before = await projectText(visit);
    const plane = (image: ProjectImage) => JSON.stringify([...image.runs()]);
    const labelled = here.images.filter(({ objectCount }) => objectCount > 0).map((image) => [image, plane(image)] as const);
    const thrownAway = here.images.filter(({ rejected }) => rejected.length > 0).map((image) => [image, image.rejected] as const);
    const learned = project.suggestions.learned.peek();
    await answered(visit, file, "merge");
    for (const [image, runs] of labelled) {
      assert.ok(project.images.peek().includes(image), `seed ${seed}`);
      assert.equal(plane(image), runs, `seed ${seed}`);
    }
    for (const [image, rejected] of thrownAway) assert.equal(image.rejected, rejected, `seed ${seed}`);
    if (learned) assert.equal(project.suggestions.learned.peek(), learned, `seed ${seed}`);
    const after = await projectText(visit);
    visit.bench.project.close();
    await history.undo();
    assert.equal(await projectText(visit), before, `seed ${seed}`);
    await history.redo();
    assert.equal(await projectText(visit), after, `seed ${seed}`);
  }
});

test("undo keeps images that were opened since", async () => {
  const file = await saved(await twoImages());
  for (const answer of ["merge", "replace"] as const) {
    const visit = await Visit.begin(new World(), "cpu", [labelledImage("c.png")]);
    const { project, history, files } = visit.bench;
    await answered(visit, file, answer);
    await files.openImages([sourceOf("new.png")]);
    await visit.until("it is open", () => project.current.peek()?.name === "new.png");
    await history.undo();
    await visit.rest();
    assert.deepEqual(
      project.images.peek().map(({ name }) => name),
      ["c.png", "new.png"],
      answer,
    );
  }
});

test("in a merge classes of one name are one, and others of one id are two", async () => {
  const theirs = await Visit.begin(new World(), "cpu", [labelledImage("a.png")]);
  theirs.bench.project.classes.value = [
    { id: "x", name: "nucleus", colour: "#ff0000" },
    { id: "y", name: "debris", colour: "#00ff00" },
  ];
  const attributes = { name: "", colour: null, hidden: false, locked: false, iou: null };
  const [image] = theirs.bench.project.images.peek();
  image.objects.set(1, { ...attributes, classId: "x" }).set(2, { ...attributes, classId: "y" });
  const file = await saved(theirs);
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("b.png")]);
  visit.bench.project.classes.value = [{ id: "y", name: "nucleus", colour: "#0000ff" }];
  await answered(visit, file, "merge");
  const { project } = visit.bench;
  const nameOf = (number: number) => project.classOf(project.images.peek()[1].objects.get(number)?.classId ?? null)?.name;
  assert.deepEqual([nameOf(1), nameOf(2)], ["nucleus", "debris"]);
  assert.deepEqual(
    project.classes.peek().map(({ name, colour }) => [name, colour]),
    [
      ["nucleus", "#0000ff"],
      ["debris", "#00ff00"],
    ],
  );
});

test("a merge gives an image the file that it asks for", async () => {
  const file = await saved(await twoImages());
  const image = labelledImage("a.png");
  image.source = { kind: "file", name: "a.png", file: new Blob([]), missing: true };
  const visit = await Visit.begin(new World(), "cpu", [image]);
  await answered(visit, file, "merge");
  assert.equal(image.source.kind === "file" && (await image.source.file.text()), "a.png");
  assert.deepEqual([visit.bench.project.images.peek().length, image.objectCount], [2, 2]);
});

test("a cancelled save leaves no file, and a cancelled opening no image", async () => {
  const visit = await twoImages();
  const file = await saved(visit);
  let end = "";
  visit.stream = new WritableStream({ close: () => void (end = "closed"), abort: () => void (end = "aborted") });
  const saving = visit.bench.projectFiles.save();
  await reached(() => visit.bench.projectFiles.work.peek() !== undefined);
  visit.bench.projectFiles.cancel();
  await saving;
  assert.deepEqual([end, visit.sentence, visit.bench.projectFiles.work.peek()], ["aborted", "", undefined]);

  const other = await Visit.begin(new World());
  const opening = other.bench.projectFiles.open(file);
  await reached(() => other.bench.projectFiles.work.peek() !== undefined);
  other.bench.projectFiles.cancel();
  await opening;
  assert.deepEqual([other.bench.project.images.peek().length, other.sentence], [0, ""]);
});

test("a cancel is heard while the engine is at something that takes long", async () => {
  const file = await saved(await twoImages());
  for (const deed of ["save", "open"] as const) {
    const visit = await twoImages();
    const { projectFiles } = visit.bench;
    visit.world.silent = true;
    const done = deed === "save" ? projectFiles.save() : projectFiles.open(file);
    for (let turns = 0; turns < 300; turns++) await pause();
    assert.ok(projectFiles.work.peek(), `${deed}: it waits`);
    projectFiles.cancel();
    await done;
    assert.deepEqual([projectFiles.work.peek(), visit.sentence, visit.saved.length], [undefined, "", 0]);
  }
});

test("where the browser asks where to write, all is written there and it is closed", async () => {
  const visit = await twoImages();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let closed = false;
  visit.stream = new WritableStream({ write: (piece) => void pieces.push(piece.slice()), close: () => void (closed = true) });
  await visit.bench.projectFiles.save();
  assert.deepEqual([closed, visit.saved.length], [true, 0]);
  assert.equal(await projectText(await openedIn(new Blob(pieces))), await projectText(visit));
  visit.stream = "cancelled";
  await visit.bench.projectFiles.save();
  assert.deepEqual([visit.saved.length, visit.sentence], [0, ""]);
});

test("a project is saved whole where the engine makes no label files, and the person is told", async () => {
  const visit = await twoImages();
  visit.world.errors.set("addProjectLabels", "There is no memory left.");
  const file = await saved(visit);
  assert.match(visit.sentence, /not all label files .* There is no memory left\.$/);
  assert.equal(await projectText(await openedIn(file)), await projectText(visit));
});

test("a crash of the engine neither stops a save nor lets a half-checked project in", async () => {
  const visit = await twoImages();
  visit.world.deadly = (_, method) => method === "addProjectLabels";
  const file = await saved(visit);
  visit.world.deadly = () => false;
  await visit.rest();
  assert.equal(await projectText(await openedIn(file)), await projectText(visit));

  const world = new World();
  world.deadly = (_, method) => method === "readProjectLabels";
  const other = await openedIn(await saved(await twoImages()), world);
  assert.equal(other.bench.project.images.peek().length, 0);
});
