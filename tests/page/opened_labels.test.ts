// Label files on their way to the open image, the question of a mask's parts, and the image's facts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LabelReader } from "../../www/commands/opened_labels.js";
import type { OpenImage } from "../../www/document/project.js";
import { folderOf, stemOf } from "../../www/document/source.js";
import type { ObjectAttributes } from "../../www/document/types.js";
import type { PageOfImage, ReadObjects } from "../../www/engine/methods.js";
import { factsOf } from "../../www/panels/image_facts.js";
import type { Session } from "../../www/session/session.js";
import { infoOf } from "./stand_in_answers.js";

const FILE = new File([], "labels.tif");
const PATH = { kind: "file", name: "stack.tif", file: new Blob(), path: "set/plate 1/stack.tif", page: 1 } as const;
const IMAGE = { name: "stack.tif", source: PATH, width: 12, height: 10 } as unknown as OpenImage;
const FRESH: ObjectAttributes = { name: "", classId: "current", colour: null, hidden: false, locked: false, iou: null };
const ATTRIBUTES = {
  fresh: (iou: number | null) => ({ ...FRESH, iou }),
  classNamed: (name: string, colour: string) => `${name} ${colour}`,
};

/** A session that replies so, and keeps what it was asked. */
function session(reply: (parted: boolean) => Partial<ReadObjects>, pages = 5) {
  const asked: { page: PageOfImage; parted: boolean }[] = [];
  const request = (_method: string, [, page, parted]: [Blob, PageOfImage, boolean]) => {
    asked.push({ page, parted });
    const nothing = { objects: [], classes: [], runs: Uint32Array.of(120, 0), parts: undefined, told: "" };
    return { done: Promise.resolve({ ...nothing, ...reply(parted) }) };
  };
  const image = { info: { peek: () => ({ ...infoOf(12, 10), pages }) } };
  return { asked, session: { request, image } as unknown as Session };
}

test("a label file is read for the page, the stack and the folder of the image", async () => {
  const { asked, session: engine } = session(() => ({ told: "1 of 2 annotations was left out." }));
  const read = await new LabelReader(engine).read(FILE, IMAGE, ATTRIBUTES);
  const page = { name: "stack.tif", folder: "set/plate 1", page: 1, pages: 5, width: 12, height: 10 };
  assert.deepEqual(asked, [{ page, parted: false }]);
  assert.equal(read?.told, "1 of 2 annotations was left out.");
  assert.equal(read?.objects, undefined);
});

test("objects keep their names, and only classes that are used join the project", async () => {
  const classes = [
    { name: "unused", colour: "" },
    { name: "cell", colour: "#010203" },
  ];
  const objects = [
    { id: 7, name: "one", class: 1, iou: 0.5 },
    { id: 9, name: "", class: null, iou: null },
  ];
  const named: string[] = [];
  const classNamed = (name: string) => (named.push(name), name);
  const reader = new LabelReader(session(() => ({ classes, objects })).session);
  const read = await reader.read(FILE, IMAGE, { ...ATTRIBUTES, classNamed });
  assert.deepEqual(named, ["cell"]);
  assert.deepEqual(read?.objects?.get(7), { ...FRESH, name: "one", classId: "cell", iou: 0.5 });
  assert.deepEqual(read?.objects?.get(9), { ...FRESH, classId: null });
});

/** Opens a mask of 26 parts, and answers. */
async function answered(answer: (reader: LabelReader) => void) {
  const { asked, session: engine } = session((parted) => ({ parts: parted ? undefined : 26 }));
  const reader = new LabelReader(engine);
  const reading = reader.read(FILE, IMAGE, ATTRIBUTES);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(reader.question.peek()?.parts, 26);
  answer(reader);
  const read = await reading;
  assert.equal(reader.question.peek(), undefined);
  return { read, parted: asked.map(({ parted }) => parted) };
}

test("a mask of several parts is one object or many, as the person says, or is not opened", async () => {
  const many = await answered((reader) => reader.question.peek()?.answer(true));
  assert.deepEqual(many.parted, [false, true]);
  const one = await answered((reader) => reader.question.peek()?.answer(false));
  assert.deepEqual(one.parted, [false]);
  assert.ok(one.read && many.read);
  const none = await answered((reader) => reader.dismiss());
  assert.deepEqual([none.read, none.parted], [undefined, [false]]);
});

test("an image's facts name its page, its folder and its scale", () => {
  const info = { ...infoOf(640, 512), kind: "16-bit grayscale" as const };
  assert.equal(factsOf(info, { kind: "sample", name: "sample" }), "sample: 640 × 512, 16-bit grayscale");
  const scaled = { ...info, page: 1, pages: 1200, pixel_size: { size: [0.25, 0.25] as [number, number], unit: "µm" } };
  assert.equal(factsOf(scaled, PATH), "stack.tif, page 2 of 1,200, in set/plate 1: 640 × 512, 16-bit grayscale, 0.25 µm a pixel");
  const oblong = { ...info, pixel_size: { size: [0.123456, 2] as [number, number], unit: "mm" } };
  assert.match(factsOf(oblong, { ...PATH, path: undefined }), /^stack\.tif: .*, 0\.1235 × 2 mm a pixel$/);
  assert.equal(folderOf({ ...PATH, path: "stack.tif" }), "");
});

test("files about a page are told apart by their names", () => {
  const file = (name: string, page?: number) => ({ ...PATH, name, page });
  assert.equal(stemOf(file("a.b.tif"), 1), "a.b");
  assert.equal(stemOf(file("a.b.tif", 2), 5), "a.b-p0003");
  assert.equal(stemOf(file("a.b.tif", 12_344), 20_000), "a.b-p12345");
  assert.equal(stemOf(file(".hidden"), 1), ".hidden");
});
