import assert from "node:assert/strict";
import { test } from "node:test";

import { beforeSentence, noteOf, percent, qualitySentence } from "../../www/panels/finding_words.js";

const learned = (before: { examples: number; found: number; missed: number; wrong: number } | undefined, image?: string) => ({
  id: "1",
  file: new Blob([]),
  image,
  objects: 4,
  classId: null,
  quality: undefined,
  before,
});

test("how good it is comes with how little a few labels tell", () => {
  assert.equal(
    qualitySentence({ examples: 10, found: 9, missed: 1, wrong: 2 }),
    "Of 10 labelled objects, held out in turn, 9 were found again and 1 was missed; 2 wrong shapes were found there or on what you threw away. What is found elsewhere cannot be judged. 10 objects are few, so this is a rough guess.",
  );
  assert.equal(
    qualitySentence({ examples: 1200, found: 1, missed: 1199, wrong: 1 }),
    "Of 1,200 labelled objects, held out in turn, 1 was found again and 1,199 were missed; 1 wrong shape was found there or on what you threw away. What is found elsewhere cannot be judged.",
  );
  assert.match(qualitySentence({ examples: 30, found: 30, missed: 0, wrong: 0 }), /; no wrong shape was found there/);
  for (const examples of [0, 1]) assert.match(qualitySentence({ examples, found: 0, missed: 0, wrong: 0 }), /nothing tells yet/);
});

test("the round before is told where there was one that tells something", () => {
  const before = { examples: 3, found: 2, missed: 1, wrong: 4 };
  assert.equal(beforeSentence(learned(before)), "Before this round: of 3, 2 found again, 1 missed, 4 wrong shapes.");
  assert.equal(beforeSentence(learned({ ...before, examples: 1 })), "");
  assert.equal(beforeSentence(learned(undefined)), "");
});

test("what the button will do is said before it is pressed", () => {
  assert.match(noteOf(0, false, undefined), /^Label one object or, better, five to ten/);
  assert.match(noteOf(1, true, undefined), /^Learns from this image's 1 object /);
  assert.match(noteOf(5, true, learned(undefined, "a")), /^Learns anew from this image's 5 objects/);
  assert.equal(noteOf(0, false, learned(undefined, "a")), "Searches with what was learned from 4 objects.");
  assert.equal(noteOf(0, false, learned(undefined)), "Searches with what was learned from 4 objects of a file.");
  assert.deepEqual([percent(0), percent(0.495), percent(1)], ["0 %", "50 %", "100 %"]);
});
