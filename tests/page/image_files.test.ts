import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { imagesOf } from "../../www/document/image_files.js";

const fixture = (name: string) => readFile(`tests/fixtures/files/${name}`);

async function imagesAmong(files: Record<string, Uint8Array<ArrayBuffer> | string>) {
  const all = Object.entries(files).map(([name, content]) => Object.assign(new Blob([content]), { name }));
  return (await imagesOf(all)).map(({ name }) => name);
}

test("a disc's DICOM files are found without endings, and nothing else is", async () => {
  const ct = await fixture("ct.dcm");
  const found = await imagesAmong({
    IM000001: ct,
    "1.2.840.113619.2.55.3.42": ct,
    "scan.ima": ct,
    "without preamble": await fixture("no_preamble.dcm"),
    "without preamble, implicit": await fixture("no_preamble_implicit.dcm"),
    "photo.PNG": "",
    DICOMDIR: ct,
    README: "Insert the disc and start the viewer. ".repeat(20),
    "viewer.exe": `MZ${"\0".repeat(400)}`,
    empty: "",
    zeros: new Uint8Array(500),
    "model.pth": ct,
  });
  const dicoms = ["IM000001", "1.2.840.113619.2.55.3.42", "scan.ima", "without preamble", "without preamble, implicit"];
  assert.deepEqual(found, [...dicoms, "photo.PNG"]);
});

test("a file that cannot be read is no image of a folder", async () => {
  const moved = Object.assign(new Blob(["x".repeat(200)]), { name: "IM000002" });
  moved.slice = () => {
    throw new DOMException("moved", "NotReadableError");
  };
  assert.deepEqual(await imagesOf([moved]), []);
});
