import assert from "node:assert/strict";
import { test } from "node:test";

import { defaultDisplay, inFilesWay, initialDisplay, placed } from "../../www/document/display.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import type { Display, ImageInfo } from "../../www/engine/graysam.js";
import { infoOf } from "./stand_in_answers.js";

const INFO = infoOf(4, 3);
const CT: ImageInfo = { ...INFO, window: [40, 400], invert: false };
const X_RAY: ImageInfo = { ...INFO, invert: true };

const pointsOf = ({ black, white }: Display) => [black, white];

test("each window has its black and white points", () => {
  const inWindow = (window: Display["window"]) => pointsOf(placed({ ...PLAIN_DISPLAY, window, black: 20, white: 90 }, INFO));
  assert.deepEqual(inWindow("percentile"), [INFO.low, INFO.high]);
  assert.deepEqual(inWindow("minmax"), [INFO.min, INFO.max]);
  assert.deepEqual(inWindow("full"), [INFO.full_min, INFO.full_max]);
  assert.deepEqual(inWindow("range"), [20, 90]);
});

test("without a choice the display is what the file asks for", () => {
  assert.deepEqual(defaultDisplay(INFO, PLAIN_DISPLAY), { ...PLAIN_DISPLAY, black: INFO.low, white: INFO.high });
  assert.deepEqual(defaultDisplay(CT, PLAIN_DISPLAY), { ...PLAIN_DISPLAY, window: "range", black: 40, white: 400 });
  assert.equal(defaultDisplay(X_RAY, PLAIN_DISPLAY).invert, true);
});

test("a new image is displayed like the one before, in its own range", () => {
  const before: Display = {
    window: "range",
    black: 1,
    white: 2,
    gamma: 0.5,
    invert: true,
    colormap: "viridis",
    voi: null,
    pixel_size: null,
  };
  const after = initialDisplay(INFO, before, INFO);
  assert.deepEqual(after, { ...before, window: "percentile", black: INFO.low, white: INFO.high });
  assert.equal(initialDisplay(INFO, { ...before, window: "minmax" }, INFO).window, "minmax");
  assert.deepEqual(initialDisplay(CT, before, INFO), { ...before, window: "range", black: 40, white: 400 });
});

test("inversion is carried on where both files ask for the same", () => {
  const inverted = { ...PLAIN_DISPLAY, invert: true };
  assert.equal(initialDisplay(INFO, inverted, INFO).invert, true);
  assert.equal(initialDisplay(X_RAY, PLAIN_DISPLAY, INFO).invert, true, "the file's own wish");
  assert.equal(initialDisplay(X_RAY, PLAIN_DISPLAY, X_RAY).invert, false, "the person's choice for such files");
  assert.equal(initialDisplay(INFO, PLAIN_DISPLAY, undefined).invert, false);
});

test("a file's own displays are shown by their place, the first of them at first", () => {
  const ways = [
    { name: "NORMAL", black: 10, white: 60 },
    { name: "window 2 (-5 to 90)", black: -5, white: 90 },
  ];
  const file: ImageInfo = { ...CT, window: [10, 60], voi: ways };
  assert.deepEqual(defaultDisplay(file, PLAIN_DISPLAY), { ...PLAIN_DISPLAY, window: "range", black: 10, white: 60, voi: 0 });
  const second = inFilesWay(PLAIN_DISPLAY, file, 1);
  assert.deepEqual([second.voi, ...pointsOf(second)], [1, -5, 90]);
  assert.deepEqual(placed({ ...second, gamma: 2 }, file), { ...second, gamma: 2 });
  assert.equal(initialDisplay(file, second, file).voi, 0, "another image begins with its own first");
  assert.equal(initialDisplay(INFO, second, file).voi, null);
  assert.deepEqual(inFilesWay(PLAIN_DISPLAY, file, 2), PLAIN_DISPLAY, "there is no third");
  assert.deepEqual(pointsOf(placed({ ...PLAIN_DISPLAY, window: "range", black: 1, white: 2, voi: 7 }, file)), [1, 2]);
});
