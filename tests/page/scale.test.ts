// How large pixels are, and the scale bar.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { initialDisplay } from "../../www/document/display.js";
import { isPixelSize, pixelSizeOf, scaleBarOf, withWidth } from "../../www/document/scale.js";
import type { ImageInfo, PixelSize } from "../../www/engine/graysam.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { infoOf } from "./stand_in_answers.js";
import { World } from "./stand_in_engine.js";
import { labelledImage, Visit } from "./visit.js";

// Nothing is encoded ahead while these tests run.
mock.timers.enable({ apis: ["setTimeout"] });

const NANOMETRES: Record<string, number> = { nm: 1, µm: 1e3, mm: 1e6 };

test("the bar is the longest of 1, 2 or 5 times a power of ten that fits", () => {
  const bar = (width: number, unit: string, most: number) => scaleBarOf({ size: [width, width], unit }, most);
  assert.deepEqual(bar(0.25, "µm", 100), { length: 80, text: "20 µm" });
  assert.deepEqual(bar(0.5, "mm", 100), { length: 100, text: "50 mm" });
  assert.equal(bar(4, "nm", 600).text, "2 µm");
  assert.equal(bar(0.25, "µm", 2).text, "500 nm");
  assert.equal(bar(1, "mm", 0.001).text, "1 µm");
  for (let exponent = -6; exponent < 6; exponent += 0.37) {
    for (const unit of ["nm", "µm", "mm"]) {
      const [width, most] = [10 ** exponent, 140];
      const { length, text } = bar(width, unit, most);
      assert.ok(length <= most * 1.000001 && length > most / 2.5000001, `${length} of ${most}`);
      const [number, shown] = text.split(" ");
      const nanometres = Number(number.replaceAll(",", "")) * NANOMETRES[shown];
      const expected = length * width * NANOMETRES[unit];
      assert.ok(Math.abs(nanometres / expected - 1) < 1e-6, `${text} is not ${expected} nm`);
      assert.match(number, /^0?\.?0*[125][0,]*$/);
    }
  }
});

test("what the person has set counts before what the file says, in the shape of its pixels", () => {
  const file: PixelSize = { size: [0.25, 0.5], unit: "µm" };
  const info: ImageInfo = { ...infoOf(4, 3), pixel_size: file };
  assert.equal(pixelSizeOf(PLAIN_DISPLAY, info), file);
  const own = withWidth(file, 3, "nm");
  assert.deepEqual(own, { size: [3, 6], unit: "nm" });
  assert.equal(pixelSizeOf({ ...PLAIN_DISPLAY, pixel_size: own }, info), own);
  assert.deepEqual(withWidth(null, 2, "mm"), { size: [2, 2], unit: "mm" });
  for (const width of [0, -1, NaN, Infinity]) assert.equal(withWidth(file, width, "µm"), null);
  assert.equal(pixelSizeOf(PLAIN_DISPLAY, infoOf(4, 3)), null);
});

test("what is no size of a pixel is refused", () => {
  assert.ok(isPixelSize({ size: [1, 2], unit: "µm" }));
  const wrong = [
    null,
    1,
    {},
    { size: [1], unit: "µm" },
    { size: [1, 0], unit: "µm" },
    { size: [1, "1"], unit: "µm" },
    { size: [1, 1], unit: "m" },
  ];
  for (const size of wrong) assert.ok(!isPixelSize(size), JSON.stringify(size));
});

test("a size that was set goes on to the other pages of the file, and to no other file", () => {
  const display = { ...PLAIN_DISPLAY, pixel_size: { size: [1, 1], unit: "µm" } satisfies PixelSize };
  const info = infoOf(4, 3);
  assert.deepEqual(initialDisplay(info, display, info, true).pixel_size, display.pixel_size);
  assert.equal(initialDisplay(info, display, info).pixel_size, null);
});

test("a pixel's size is undone like anything else, and costs no encode", async () => {
  const visit = await Visit.begin(new World(), "cpu", [labelledImage("a")]);
  const { project, session, images, history } = visit.bench;
  await session.openImage(project.images.peek()[0].source);
  await visit.rest();
  const before = visit.world.requests.length;
  const display = project.display.peek();
  assert.ok(display);
  images.setDisplay({ ...display, pixel_size: { size: [1, 1], unit: "µm" } });
  await visit.rest();
  assert.equal(visit.world.requests.length, before, "nothing is asked of the engine");
  assert.equal(session.state.peek(), "encoded");
  history.undo();
  await visit.rest();
  assert.deepEqual(project.display.peek(), display);
  visit.checkAgreement();
});
