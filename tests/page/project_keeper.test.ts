import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { World } from "./stand_in_engine.js";
import { labelledImage, sourceOf, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

test("a project comes back with its open image, its display and its draft", async () => {
  const first = await Visit.begin(new World(), "cpu", [labelledImage("a"), labelledImage("b")]);
  const { bench } = first;
  await bench.session.openImage(bench.project.images.peek()[1].source);
  bench.images.setDisplay({ ...(bench.project.display.peek() ?? assert.fail("none")), gamma: 2 });
  const classId = bench.images.addClass();
  bench.objects.change("name", [1], { name: "nucleus", classId });
  bench.prompts.refine(2);
  await first.rest();
  const at = { x: 0.5, y: 9.5 };
  bench.tools.choose("draw");
  bench.tools.setBrushSize(1);
  bench.labelTools.press(at, false, 0);
  bench.labelTools.release(at);
  const [mask, record] = [first.mask, bench.draft.record];
  assert.ok(record?.corrections);
  await first.untilStored(JSON.stringify(record));

  const second = Visit.again(new World());
  const { draft, project, objects } = second.bench;
  await second.until("the image is open", () => project.current.peek() !== undefined);
  await second.rest();
  assert.deepEqual(
    project.images.peek().map(({ name }) => name),
    ["a", "b"],
  );
  assert.deepEqual([project.current.peek()?.name, project.display.peek()?.gamma, objects.nameOf(1)], ["b", 2, "nucleus"]);
  assert.deepEqual([objects.attributes(1).classId, project.classes.peek().length], [classId, 1]);
  assert.deepEqual([draft.record, second.mask], [record, mask]);
  second.checkAgreement();
});

test("an image that the person opens at once goes before the restored one", async () => {
  const first = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  await first.bench.session.openImage(first.bench.project.images.peek()[0].source);
  await first.untilStored(`"current":"a"`);

  const second = Visit.again(new World());
  await second.bench.files.openImages([sourceOf("b")]);
  await second.until("it is open", () => second.bench.project.current.peek()?.name === "b");
  await second.rest();
  assert.deepEqual(
    second.bench.project.images.peek().map(({ name }) => name),
    ["a", "b"],
  );
  second.checkAgreement();
});

test("full storage is told of once, and stored as soon as there is room", async () => {
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  const { bench, keeper } = visit;
  await bench.session.openImage(bench.project.images.peek()[0].source);
  await visit.rest();
  const storage = visit.storage;
  storage.quota = 10;
  bench.objects.remove([1]);
  await visit.until("the full storage is noticed", () => keeper.unsaved.peek() !== undefined);
  assert.match(visit.sentence, /^The browser's storage is full/);
  assert.ok(keeper.atRisk, "the browser asks before it closes the page");
  bench.notices.dismiss();
  bench.objects.change("name", [2], { name: "x" });
  await visit.rest();
  assert.equal(visit.sentence, "");
  storage.quota = 1e9;
  bench.objects.change("name", [2], { name: "y" });
  await visit.until("it is stored", () => keeper.unsaved.peek() === undefined);
  assert.ok(!keeper.atRisk);
});

test("that labels are lost is told even after a failure that lost none", async () => {
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  const { bench, keeper, storage } = visit;
  await bench.session.openImage(bench.project.images.peek()[0].source);
  await visit.untilStored(`"current":"a"`);
  storage.quota = 10;
  bench.images.addClass();
  await visit.until("the full storage is noticed", () => keeper.unsaved.peek() !== undefined);
  assert.match(visit.sentence, /^The browser's storage is full; all objects are stored, but not the last change/);
  assert.ok(!keeper.atRisk);
  bench.objects.remove([1]);
  await visit.rest();
  assert.match(visit.sentence, /^The browser's storage is full, so the labels are lost/);
  bench.notices.dismiss();
  bench.objects.change("name", [2], { name: "x" });
  await visit.rest();
  assert.equal(visit.sentence, "", "once");
});

test("from a change on until it is stored, labels are at risk", async () => {
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  const { bench, keeper } = visit;
  await bench.session.openImage(bench.project.images.peek()[0].source);
  await visit.until("it is stored", () => !keeper.storing && !keeper.atRisk);
  bench.objects.remove([1]);
  assert.ok(keeper.atRisk);
  await visit.until("it is stored", () => !keeper.atRisk);
});

test("a second tab says so when it is opened, and its labels are at risk", async () => {
  const first = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  await first.bench.session.openImage(first.bench.project.images.peek()[0].source);
  await first.until("it is stored", () => !first.keeper.storing && !first.keeper.atRisk);
  const second = await Visit.beside(new World());
  assert.match(second.sentence, /^GraySAM is open in another tab/);
  await second.until("the image is open", () => second.bench.project.current.peek() !== undefined);
  assert.ok(!second.keeper.atRisk);
  second.bench.objects.remove([1]);
  await second.rest();
  assert.ok(second.keeper.atRisk);
});

test("a second tab that outlives the first says that what it has read is out of date", async () => {
  const first = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  await first.bench.session.openImage(first.bench.project.images.peek()[0].source);
  await first.until("it is stored", () => !first.keeper.storing && !first.keeper.atRisk);
  const tab = first.storage.tab;
  const second = await Visit.beside(new World());
  await second.until("the image is open", () => second.bench.project.current.peek() !== undefined);
  await second.rest();
  second.bench.notices.dismiss();
  tab?.use();
  first.bench.objects.remove([1]);
  await first.until("it is stored", () => !first.keeper.storing && !first.keeper.atRisk);
  tab?.close();
  first.storage.openTab();
  second.bench.objects.remove([2]);
  await second.until("that is told", () => /^Another tab has stored labels since this page was opened/.test(second.sentence));
  second.bench.notices.dismiss();
  second.bench.objects.change("name", [1], { name: "x" });
  await second.rest();
  assert.equal(second.sentence, "", "once");
  assert.equal(second.storage.tab, undefined, "it stands in no other tab's way");
});

test("without storage, labels are at risk, and that is told", async () => {
  const bare = await Visit.withoutStorage(new World());
  const { bench, keeper } = bare;
  await bench.files.openImages([sourceOf("a")]);
  await bare.until("it is open", () => bench.project.current.peek() !== undefined);
  await bare.rest();
  assert.ok(!keeper.atRisk, "there is nothing to lose yet");
  bench.objects.replace("draw", new Uint32Array(120).fill(1));
  await bare.rest();
  assert.match(keeper.unsaved.peek() ?? "", /^This browser keeps no files for this page/);
  assert.ok(keeper.atRisk);
});

test("an image without its file asks for it, and goes on with it", async () => {
  const first = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  await first.bench.session.openImage(first.bench.project.images.peek()[0].source);
  await first.untilStored(`"current":"a"`);
  const [copy] = first.storage.names("project").filter((name) => name.endsWith(".image"));
  await first.storage.remove("project", copy);

  const second = Visit.again(new World());
  const { bench } = second;
  await second.until("that is told", () => /open a again/.test(second.sentence));
  assert.equal(bench.project.images.peek()[0].objectCount, 2);
  await bench.files.openImages([sourceOf("b")]);
  await bench.files.openImages([sourceOf("a")]);
  await second.until("it is open", () => bench.project.current.peek()?.name === "a");
  await second.rest();
  assert.deepEqual([bench.project.images.peek().length, bench.project.current.peek()?.labels.objects], [2, 2]);
  await second.untilStored(`"current":"a"`);
});
