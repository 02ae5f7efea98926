// Suggestions are kept as objects, corrected or thrown away, and nothing that is labelled is ever taken.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pack } from "../../www/document/runs.js";
import { areaOf, covers, isSame, maskOf, recordOf, suggestionIn, suggestionsOf, type Suggestion } from "../../www/document/suggestion.js";
import { Desk } from "./desk.js";
import { Random } from "./random.js";

const [WIDTH, HEIGHT] = [12, 10];

/** An image with one object in its first row, and what was found in the others. */
async function searched() {
  const desk = new Desk(WIDTH, HEIGHT);
  desk.open({ kind: "file", name: "a", file: new Blob(["a"]) });
  await desk.settled();
  const ids = new Uint32Array(WIDTH * HEIGHT).fill(1, 0, WIDTH);
  desk.objects.replace("open labels", ids);
  desk.find();
  const image = desk.project.current.peek() ?? assert.fail();
  return { desk, image, suggestions: desk.project.suggestions, ids };
}

/** A suggestion of random pixels. */
function randomOne(random: Random): { suggestion: Suggestion; bits: Uint8Array } {
  const [x0, y0] = [random.below(6), random.below(5)];
  const [x1, y1] = [x0 + 1 + random.below(6), y0 + 1 + random.below(5)];
  const bits = Uint8Array.from({ length: (x1 - x0) * (y1 - y0) }, () => (random.chance(0.5) ? 255 : 0));
  bits[random.below(bits.length)] = 255;
  const [suggestion] = suggestionsOf([{ sureness: random.next(), bounds: [x0, y0, x1, y1] }], bits);
  return { suggestion, bits };
}

test("a mask comes back from a suggestion, and from storage, pixel for pixel", () => {
  const random = new Random(1);
  for (let i = 0; i < 300; i++) {
    const { suggestion, bits } = randomOne(random);
    const { x0, y0, x1, y1 } = suggestion;
    assert.deepEqual(maskOf(suggestion), { x0, y0, x1, y1, bits });
    assert.equal(areaOf(suggestion), bits.filter(Boolean).length);
    assert.deepEqual(suggestionIn(JSON.parse(JSON.stringify(recordOf(suggestion))), { width: WIDTH, height: HEIGHT }), suggestion);
    for (let place = 0; place < WIDTH * HEIGHT; place++) {
      const [x, y] = [place % WIDTH, Math.floor(place / WIDTH)];
      const inside = x >= x0 && x < x1 && y >= y0 && y < y1 && bits[(y - y0) * (x1 - x0) + x - x0] > 0;
      assert.equal(covers(suggestion, { x: x + 0.5, y: y + 0.5 }), inside);
    }
  }
});

test("two masks are the same from an IoU of a half on, counted pixel by pixel", () => {
  const random = new Random(2);
  let same = 0;
  for (let i = 0; i < 3000; i++) {
    const [a, b] = [randomOne(random).suggestion, randomOne(random).suggestion];
    let [common, either] = [0, 0];
    for (let place = 0; place < WIDTH * HEIGHT; place++) {
      const point = { x: place % WIDTH, y: Math.floor(place / WIDTH) };
      const [inA, inB] = [covers(a, point), covers(b, point)];
      common += Number(inA && inB);
      either += Number(inA || inB);
    }
    assert.equal(isSame(a, b), common / either > 0.5);
    same += Number(isSame(a, b));
  }
  assert.ok(same > 5, `${same} pairs are the same`);
});

test("what is no suggestion is not read as one", () => {
  const whole = { box: [1, 2, 3, 4], runs: [0, 4], sureness: 0.5 };
  const size = { width: 4, height: 4 };
  assert.ok(suggestionIn(whole, size));
  const broken = [null, 3, {}, { ...whole, box: [3, 2, 1, 4] }, { ...whole, box: [1, 2, 5, 4], runs: [0, 8] }, { ...whole, runs: [0, 5] }];
  const others = [
    { ...whole, runs: [0, 5, -1] },
    { ...whole, runs: "04" },
    { ...whole, sureness: 2 },
    { ...whole, sureness: "0.5" },
  ];
  for (const record of [...broken, ...others]) assert.equal(suggestionIn(record, size), undefined, JSON.stringify(record));
});

test("the surest suggestion comes first, and the slider acts on what is there", async () => {
  const { suggestions, image } = await searched();
  const surenesses = image.suggestions.map(({ sureness }) => sureness);
  assert.deepEqual(
    surenesses,
    surenesses.toSorted((a, b) => b - a),
  );
  assert.ok(surenesses.length > 6);
  for (const threshold of [0, 0.7, 0.9, 1]) {
    suggestions.threshold.value = threshold;
    assert.equal(suggestions.shown.peek().length, surenesses.filter((sureness) => sureness >= threshold).length);
    assert.equal(suggestions.free.peek().length, surenesses.length);
  }
});

test("a suggestion is kept as an object of its shape, the next one is chosen, and undo gives it back", async () => {
  const { desk, suggestions, image } = await searched();
  desk.suggestions.step(1);
  const [first, second] = suggestions.shown.peek();
  const before = [...image.suggestions];
  assert.equal(suggestions.chosen.peek(), first);
  desk.suggestions.keep();
  assert.equal(suggestions.chosen.peek(), second);
  assert.equal(image.labels.areaOf(2), areaOf(first));
  assert.ok(covers(first, { x: first.x0, y: first.y0 }));
  assert.equal(image.labels.idAt({ x: first.x0, y: first.y0 }), 2);
  await desk.history.undo();
  assert.equal(image.labels.areaOf(2), 0);
  assert.deepEqual(image.suggestions, before);
  assert.equal(suggestions.chosen.peek(), first);
  await desk.history.redo();
  assert.equal(image.labels.areaOf(2), areaOf(first));
  assert.ok(!image.suggestions.includes(first));
});

test("what is kept has the class that was learned, and a class that is gone is not given", async () => {
  const { desk, suggestions, image } = await searched();
  const classId = desk.images.addClass();
  const file = new Blob(["learned"]);
  suggestions.learned.value = { id: "1", file, image: image.id, objects: 1, classId, quality: undefined, before: undefined };
  desk.suggestions.step(1);
  desk.suggestions.keep();
  assert.equal(desk.objects.attributes(2).classId, classId);
  desk.images.removeClass(classId);
  desk.suggestions.keep();
  assert.equal(desk.objects.attributes(3).classId, null);
});

test("all that are shown are kept as one deed, and those that are less sure stay", async () => {
  const { desk, suggestions, image } = await searched();
  suggestions.threshold.value = 0.7;
  const [shown, all] = [suggestions.shown.peek().length, image.suggestions.length];
  assert.ok(shown > 1 && shown < all);
  desk.suggestions.keepShown();
  assert.equal(image.labels.objects, 1 + shown);
  assert.equal(image.suggestions.length, all - shown);
  assert.equal(suggestions.chosen.peek(), undefined);
  await desk.history.undo();
  assert.deepEqual([image.labels.objects, image.suggestions.length], [1, all]);
});

test("what is thrown away does not come back with the next search until that is undone", async () => {
  const { desk, suggestions, image } = await searched();
  const all = image.suggestions.length;
  desk.suggestions.step(1);
  const [first, second] = suggestions.shown.peek();
  const { revision } = image;
  assert.ok(desk.suggestions.throwAway());
  assert.deepEqual(image.rejected, [first]);
  assert.ok(image.revision > revision, "so that it is stored");
  assert.equal(suggestions.chosen.peek(), second);
  desk.find();
  assert.equal(image.suggestions.length, all - 1);
  await desk.history.undo();
  assert.deepEqual([image.rejected.length, image.suggestions.length], [0, all]);
});

test("no pixel of an object is taken, and a suggestion of which half is labelled is not shown until it is free again", async () => {
  const { desk, suggestions, image } = await searched();
  const [first] = suggestions.shown.peek();
  const count = suggestions.shown.peek().length;
  const one = image.labels.ids.slice();
  one[first.y0 * WIDTH + first.x0] = 9;
  desk.objects.replace("open labels", one);
  assert.equal(suggestions.shown.peek().length, count, "a quarter of it is labelled");
  desk.suggestions.step(1);
  assert.equal(suggestions.chosen.peek(), first);
  desk.suggestions.keep();
  assert.equal(image.labels.areaOf(10), areaOf(first) - 1);
  assert.equal(image.labels.idAt({ x: first.x0, y: first.y0 }), 9);
  await desk.history.undo();

  const two = one.slice();
  two[first.y0 * WIDTH + first.x0 + 1] = 9;
  desk.objects.replace("open labels", two);
  assert.ok(!suggestions.shown.peek().includes(first));
  await desk.history.undo();
  assert.ok(suggestions.shown.peek().includes(first));
});

test("an image that is left and opened again has its suggestions, and none is chosen by itself", async () => {
  const { desk, suggestions, image } = await searched();
  desk.suggestions.step(1);
  const shown = suggestions.shown.peek();
  desk.open({ kind: "file", name: "b", file: new Blob(["b"]) });
  await desk.settled();
  assert.deepEqual([suggestions.shown.peek(), suggestions.chosen.peek()], [[], undefined]);
  assert.deepEqual(suggestions.shownOf(image), shown);
  desk.open(image.source);
  await desk.settled();
  assert.deepEqual([suggestions.shown.peek(), suggestions.chosen.peek()], [shown, undefined]);
});

test("an image that is not open shows what was not labelled when it was left, and all of it once its labels are gone", async () => {
  const { desk, suggestions, image } = await searched();
  const other = { kind: "file", name: "b", file: new Blob(["b"]) } as const;
  const count = suggestions.shown.peek().length;
  desk.open(other);
  await desk.settled();
  assert.equal(suggestions.shownOf(image).length, count);
  desk.open(image.source);
  await desk.settled();
  const [first] = suggestions.shownOf(image);
  const ids = image.labels.ids.slice();
  ids.fill(5, first.y0 * WIDTH, (first.y0 + 2) * WIDTH);
  desk.objects.replace("open labels", ids);
  const fewer = suggestions.shown.peek().length;
  assert.ok(fewer < count);
  desk.open(other);
  await desk.settled();
  assert.equal(suggestions.shownOf(image).length, fewer);
  desk.images.clearObjects(image.id);
  desk.open(image.source);
  await desk.settled();
  assert.equal(suggestions.shown.peek().length, count);
});

test("a click at the chosen suggestion corrects it: its mask is the first prompt, and it becomes the object", async () => {
  const { desk, suggestions, image } = await searched();
  desk.suggestions.step(1);
  const [first] = suggestions.shown.peek();
  desk.prompts.add({ kind: "point", x: first.x1 + 0.2, y: first.y0 + 0.5, positive: true });
  const [mask, point] = desk.draft.rounds.peek().map(({ prompt }) => prompt);
  assert.deepEqual(mask, { kind: "mask", x0: first.x0, y0: first.y0, x1: first.x1, y1: first.y1, runs: [0, 4] });
  assert.equal(point.kind, "point");
  desk.answer();
  desk.labelTools.accept();
  assert.ok(!image.suggestions.includes(first));
  assert.ok(image.labels.areaOf(2) > areaOf(first));
  await desk.history.undo();
  assert.ok(image.suggestions.includes(first));
  assert.equal(desk.draft.rounds.peek().length, 2, "with the prompts");
  await desk.history.undo();
  assert.equal(desk.draft.rounds.peek().length, 0);
});

test("a click elsewhere, or in a draft, begins another object", async () => {
  const { desk, suggestions } = await searched();
  desk.suggestions.step(1);
  const [first] = suggestions.shown.peek();
  desk.prompts.add({ kind: "point", x: first.x1 + 4, y: first.y1 + 4, positive: true });
  assert.deepEqual(
    desk.draft.prompts.peek().map(({ kind }) => kind),
    ["point"],
  );
  desk.prompts.add({ kind: "point", x: first.x0, y: first.y0, positive: true });
  assert.equal(desk.draft.rounds.peek().length, 2);
});

test("a click inside of another suggestion means that object, however near the chosen one is", async () => {
  const { desk, suggestions, image } = await searched();
  const [first] = suggestions.shown.peek();
  const near = { ...first, x0: first.x1, x1: first.x1 + 2, sureness: 0.9 };
  suggestions.put(image, [first, near], "1");
  suggestions.choose(first);
  const point = { kind: "point", x: first.x1 + 0.2, y: first.y0 + 0.5, positive: true } as const;
  desk.prompts.add(point);
  assert.deepEqual(desk.draft.prompts.peek(), [point]);
  desk.prompts.clear();
  desk.prompts.add({ ...point, positive: false });
  assert.equal(desk.draft.prompts.peek()[0].kind, "mask", "what does not belong to the chosen one");
});

test("a box around the chosen suggestion gives that another shape, and one elsewhere begins another object", async () => {
  const { desk, suggestions, image } = await searched();
  desk.suggestions.step(1);
  const [first] = suggestions.shown.peek();
  const { x0, y0, x1, y1 } = first;
  const around = { kind: "box", x0: x0 - 1, y0: y0 - 1, x1: x1 + 1, y1: y1 + 1 } as const;
  const elsewhere = { kind: "box", x0: x1, y0, x1: x1 + 3, y1 } as const;
  desk.prompts.add(elsewhere);
  assert.equal(desk.prompts.corrected, undefined);
  desk.prompts.clear();
  desk.prompts.add(around);
  assert.deepEqual([desk.draft.prompts.peek(), desk.prompts.corrected], [[around], first], "the mask counts no more");
  desk.prompts.add(elsewhere);
  assert.deepEqual([desk.draft.prompts.peek(), desk.prompts.corrected], [[elsewhere], undefined]);
  desk.prompts.takeBack();
  desk.answer();
  desk.labelTools.accept();
  assert.ok(!image.suggestions.includes(first));
  await desk.history.undo();
  assert.ok(image.suggestions.includes(first));
});

test("the prompts that correct a suggestion go with it when it is thrown away, and come back with it", async () => {
  const { desk, image } = await searched();
  desk.suggestions.step(1);
  desk.suggestions.correct();
  assert.equal(desk.draft.rounds.peek().length, 1);
  desk.answer();
  desk.suggestions.throwAway();
  assert.deepEqual([desk.draft.rounds.peek().length, image.rejected.length], [0, 1]);
  await desk.history.undo();
  assert.deepEqual([desk.draft.rounds.peek().length, image.rejected.length], [1, 0]);
});

test("a suggestion is chosen where it is clicked with the Select tool, unless an object is there", async () => {
  const { desk, suggestions } = await searched();
  const third = suggestions.shown.peek()[2];
  desk.labelTools.choose("select");
  desk.labelTools.press({ x: third.x0 + 0.5, y: third.y0 + 0.5 }, false, 0);
  assert.equal(suggestions.chosen.peek(), third);
  desk.labelTools.press({ x: 3, y: 0.5 }, false, 0);
  assert.equal(suggestions.chosen.peek(), undefined);
  assert.deepEqual([...desk.objects.selection], [1]);
});

test("more suggestions than an image has room for are refused as a whole", async () => {
  const { desk, image } = await searched();
  const ids = image.labels.ids.slice();
  ids[0] = 65_530;
  desk.objects.replace("open labels", ids);
  desk.suggestions.keepShown();
  assert.match(desk.notices.current.peek()?.sentence ?? "", /65535 objects at most/);
  assert.deepEqual(pack(image.labels.ids), pack(ids));
});
