// The list of searched images: those that need a look come first.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Project, ProjectImage } from "../../www/document/project.js";
import { inOrder, type Suggestion } from "../../www/document/suggestion.js";
import { searchedRows } from "../../www/panels/searched_rows.js";
import { Random } from "./random.js";

function imageOf(id: string, surenesses: number[], searchedBy = "1") {
  const image = new ProjectImage({ kind: "file", name: id, file: new Blob([id]) }, id);
  const runs = Uint32Array.of(0, 1);
  const suggestions = surenesses.map((sureness, x0): Suggestion => ({ x0, y0: 0, x1: x0 + 1, y1: 1, runs, sureness }));
  return Object.assign(image, { suggestions: inOrder(suggestions), searchedBy });
}

function rowsOf(images: ProjectImage[], threshold: number, leftOut = new Map<string, string>()) {
  const { suggestions } = new Project();
  suggestions.threshold.value = threshold;
  return searchedRows(images, leftOut, (image) => suggestions.shownOf(image));
}

const idsOf = (rows: ReturnType<typeof rowsOf>) => rows.map(({ image }) => image.id).join(" ");

test("the image with the least sure suggestion that is shown comes first, and those without any last", () => {
  const images = [imageOf("a", [0.9, 0.7]), imageOf("none", []), imageOf("b", [0.55, 0.99]), imageOf("c", [0.8, 0.3, 0.95])];
  assert.equal(idsOf(rowsOf(images, 0)), "c b a none");
  assert.equal(idsOf(rowsOf(images, 0.5)), "b a c none", "what is not sure enough counts no more");
  assert.equal(idsOf(rowsOf(images, 0.96)), "b a none c");
  assert.deepEqual(
    rowsOf(images, 0.5).map(({ suggestions, least }) => [suggestions, least]),
    [
      [2, 0.55],
      [2, 0.7],
      [2, 0.8],
      [0, 1],
    ],
  );
});

test("equally sure images keep their order, those that were not searched are not listed, and those left out say why", () => {
  const images = [imageOf("a", [0.6]), imageOf("new", [], ""), imageOf("b", [0.9, 0.6]), imageOf("bad", [], "")];
  const rows = rowsOf(images, 0.5, new Map([["bad", "it is no image"]]));
  assert.equal(idsOf(rows), "a b bad");
  assert.deepEqual(
    rows.map(({ problem }) => problem),
    [undefined, undefined, "it is no image"],
  );
});

test("the order is that of a search for the least sure image, again and again", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const images = Array.from({ length: random.below(9) }, (_, i) =>
      imageOf(
        String(i),
        Array.from({ length: random.below(4) }, () => random.below(11) / 10),
      ),
    );
    const threshold = random.below(11) / 10;
    const least = ({ suggestions }: ProjectImage) =>
      Math.min(...suggestions.map(({ sureness }) => sureness).filter((sureness) => sureness >= threshold));
    const expected: string[] = [];
    for (const left = [...images]; left.length > 0;) {
      const next = left.reduce((first, one) => (least(one) < least(first) ? one : first));
      expected.push(next.id);
      left.splice(left.indexOf(next), 1);
    }
    assert.equal(idsOf(rowsOf(images, threshold)), expected.join(" "), `seed ${seed}`);
  }
});
