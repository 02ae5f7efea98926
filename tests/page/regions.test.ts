import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOf, cut, fillPolygon, filled, maskPrompt, parts, smoothed } from "../../www/document/regions.js";
import { drawn, HEIGHT, region, WIDTH } from "./shapes.js";

test("holes are filled, parts told apart, outlines smoothed", () => {
  const ring = region("........", ".####...", ".#..#.#.", ".####...", "........");
  assert.deepEqual(drawn(filled(ring)), ["........", ".####...", ".####.#.", ".####...", "........"]);
  assert.deepEqual(
    parts(ring).map(({ bits }) => bits.filter(Boolean).length),
    [10, 1],
  );
  const diagonal = parts(region("#.", ".#"));
  assert.equal(diagonal.length, 2, "corners do not connect");
  const square = Array<string>(6).fill(".########.");
  const bump = { ...region("..........", "..#.......", ...square), x0: 30, y0: 7 };
  const smooth = smoothed(bump);
  const at = (x: number, y: number) => smooth.bits[(y - smooth.y0) * smooth.width + x - smooth.x0];
  assert.deepEqual([at(32, 8), at(34, 11), at(31, 9)], [0, 1, 0], "bump and corner go, the middle stays");
});

test("a cut goes along its line, through what it crosses", () => {
  const two = region("####.##", "####.##", "####.##");
  const halves = cut(two, { x: 2, y: -1 }, { x: 2, y: 4 });
  assert.deepEqual(
    halves?.map((half) => drawn(half)).sort(),
    [
      ["##...##", "##...##", "##...##"],
      ["..##...", "..##...", "..##..."],
    ].sort(),
  );
  assert.equal(cut(two, { x: 4.5, y: -1 }, { x: 4.5, y: 4 }), undefined, "nothing lies on the way");
});

test("a polygon covers the pixels whose centres lie inside", () => {
  const covered = new Set<number>();
  const corners = [
    { x: -3, y: 2 },
    { x: 12, y: 2 },
    { x: 4.2, y: 13.7 },
  ];
  fillPolygon(corners, WIDTH, HEIGHT, (start, end) => {
    for (let i = start; i < end; i++) covered.add(i);
  });
  /** On the inner side of the edge from corner i. */
  const inside = (x: number, y: number, i: number) => {
    const [a, b] = [corners[i], corners[(i + 1) % 3]];
    return (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x) > 0;
  };
  for (let i = 0; i < WIDTH * HEIGHT; i++) {
    const [x, y] = [(i % WIDTH) + 0.5, Math.floor(i / WIDTH) + 0.5];
    const expected = [0, 1, 2].every((edge) => inside(x, y, edge));
    assert.equal(covered.has(i), expected, `pixel ${i % WIDTH}, ${Math.floor(i / WIDTH)}`);
  }
});

test("a region is a prompt by its box and the runs of its pixels", () => {
  const shape = { ...region(".....", ".##..", ".#.#.", "....."), x0: 9, y0: 19 };
  assert.deepEqual(boxOf(shape), { x0: 10, y0: 20, x1: 13, y1: 22 });
  // From the first pixel on it is inside.
  assert.deepEqual(maskPrompt(shape), { kind: "mask", x0: 10, y0: 20, x1: 13, y1: 22, runs: [0, 2, 1, 1, 1, 1] });
});
