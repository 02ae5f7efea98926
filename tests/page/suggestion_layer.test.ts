import assert from "node:assert/strict";
import { test } from "node:test";

import { SuggestionOverlay } from "../../www/canvas/suggestion_layer.js";
import { covers, type Suggestion, suggestionsOf } from "../../www/document/suggestion.js";
import { Random } from "./random.js";

const SIDE = 37;

function randomOnes(random: Random): Suggestion[] {
  return Array.from({ length: 3 }, () => {
    const [x0, y0] = [random.below(SIDE - 9), random.below(SIDE - 9)];
    const [width, height] = [1 + random.below(9), 1 + random.below(9)];
    const bits = Uint8Array.from({ length: width * height }, () => (random.chance(0.8) ? 255 : 0));
    bits[0] = 255;
    return suggestionsOf([{ sureness: 0.5, bounds: [x0, y0, x0 + width, y0 + height] }], bits)[0];
  });
}

test("what is painted of suggestions at any level are the pixels of each that have a neighbour outside of it", () => {
  const random = new Random(5);
  for (let i = 0; i < 200; i++) {
    const suggestions = randomOnes(random);
    for (const level of [0, 1, 2]) {
      const size = 2 ** level;
      const sampled = (suggestion: Suggestion, x: number, y: number) =>
        covers(suggestion, { x: x * size + (size >> 1) + 0.5, y: y * size + (size >> 1) + 0.5 });
      const edge = (suggestion: Suggestion, x: number, y: number) =>
        sampled(suggestion, x, y) && [-1, 1].some((step) => !sampled(suggestion, x + step, y) || !sampled(suggestion, x, y + step));
      const side = Math.ceil(SIDE / size);
      const box = { x0: random.below(side >> 1), y0: random.below(side >> 1), x1: side - random.below(side >> 2), y1: side };
      const columns = box.x1 - box.x0;
      const pixels = new Uint32Array(columns * (box.y1 - box.y0));
      const painted = new SuggestionOverlay(suggestions, "#ff0080").paint(pixels, level, box);
      const expected = pixels.map((_, at) => {
        const [x, y] = [box.x0 + (at % columns), box.y0 + Math.floor(at / columns)];
        return Number(suggestions.some((suggestion) => edge(suggestion, x, y)));
      });
      assert.deepEqual(pixels.map(Boolean as unknown as (pixel: number) => number), expected);
      assert.equal(painted, expected.includes(1));
    }
  }
});

test("an outline is dashed along each side and each slope", () => {
  const side = 40;
  const square = suggestionsOf([{ sureness: 1, bounds: [0, 0, side, side] }], new Uint8Array(side * side).fill(255));
  const slope = (falls: boolean) => {
    const bits = new Uint8Array(side * side);
    for (let y = 0; y < side; y++) bits[y * side + (falls ? y : side - 1 - y)] = 255;
    return suggestionsOf([{ sureness: 1, bounds: [0, 0, side, side] }], bits);
  };
  for (const suggestions of [square, slope(true), slope(false)]) {
    const pixels = new Uint32Array(side * side);
    new SuggestionOverlay(suggestions, "#ff0080").paint(pixels, 0, { x0: 0, y0: 0, x1: side, y1: side });
    const along = [
      Array.from({ length: side }, (_, at) => pixels[at]),
      Array.from({ length: side }, (_, at) => pixels[at * side]),
      Array.from({ length: side }, (_, at) => pixels[at * side + at]),
      Array.from({ length: side }, (_, at) => pixels[at * side + side - 1 - at]),
    ].filter((line) => line.every(Boolean));
    assert.ok(along.length > 0);
    for (const line of along) assert.equal(new Set(line).size, 2);
  }
});
