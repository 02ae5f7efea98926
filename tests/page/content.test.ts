import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { contentKey, sameSource } from "../../www/document/content.js";
import type { ImageSource } from "../../www/document/types.js";
import { World } from "./stand_in_engine.js";
import { Visit } from "./visit.js";

mock.timers.enable({ apis: ["setTimeout"] });

function fileOf(name: string, content: string, path?: string): ImageSource & { kind: "file" } {
  return { kind: "file", name, file: new Blob([content]), path };
}

async function textsOf({ bench }: Visit) {
  const texts = bench.project.images.peek().map(({ source }) => (source.kind === "file" ? source.file.text() : ""));
  return Promise.all(texts);
}

test("two files of one name and size are two images, and the same content is the same image", async () => {
  const visit = await Visit.begin(new World());
  const { files, project } = visit.bench;
  for (const content of ["first", "other", "first"]) {
    await files.openImages([fileOf("frame.tif", content)]);
    await visit.rest();
    const { source } = project.current.peek() ?? assert.fail("none is open");
    assert.equal(source.kind === "file" && (await source.file.text()), content);
  }
  assert.deepEqual(await textsOf(visit), ["first", "other"]);
});

test("a folder's files of one name are all there, and opening it again adds none", async () => {
  const visit = await Visit.begin(new World());
  const folder = () => [
    fileOf("1-001.dcm", "one", "scan/a/1-001.dcm"),
    fileOf("1-001.dcm", "two", "scan/b/1-001.dcm"),
    fileOf("1-001.dcm", "two", "scan/c/1-001.dcm"),
  ];
  for (let times = 0; times < 2; times++) {
    await visit.bench.files.openImages(folder());
    await visit.rest();
    assert.deepEqual(await textsOf(visit), ["one", "two", "two"]);
  }
  await visit.bench.files.openImages([fileOf("1-001.dcm", "two")]);
  await visit.rest();
  assert.equal(visit.bench.project.images.peek().length, 3, "without a path, content and name decide");
});

test("pages of one file are several images", () => {
  const source = { ...fileOf("stack.tif", "pages"), content: "k" };
  assert.ok(!sameSource(source, { ...source, page: 1 }));
  assert.ok(sameSource(source, { ...source, page: 0 }));
});

/** A file of zeros that counts what is read of it. */
class HugeFile extends Blob {
  read = 0;
  override readonly size = 8e9;
  override slice(start = 0, end = this.size) {
    this.read += end - start;
    return new Blob([new Uint8Array(end - start)]);
  }
}

test("of a large file only blocks are read, its middle and its end among them", async () => {
  const huge = new HugeFile();
  await contentKey(huge);
  assert.ok(huge.read <= 1 << 20, `${huge.read} bytes are read`);
  const plain = new Uint8Array(5 << 20);
  const keys = [await contentKey(new Blob([plain]))];
  for (const at of [0, plain.length / 2, plain.length - 1]) keys.push(await contentKey(new Blob([plain.with(at, 1)])));
  keys.push(await contentKey(new Blob([plain, "x"])));
  assert.equal(new Set(keys).size, 5);
  assert.equal(await contentKey(new Blob([plain])), keys[0]);
});

test("without HTTPS, contents are told apart as well", async () => {
  const { crypto } = globalThis;
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  try {
    const keys = await Promise.all(["first", "other", "first"].map((text) => contentKey(new Blob([text]))));
    assert.deepEqual([keys[0] === keys[2], keys[0] === keys[1], keys[0].length], [true, false, 32]);
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
  }
});
