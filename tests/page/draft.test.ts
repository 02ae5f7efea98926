import assert from "node:assert/strict";
import { test } from "node:test";

import { Draft, roundOf, sameRounds } from "../../www/document/draft.js";
import type { Prompt, PromptRound } from "../../www/engine/graysam.js";
import { boxed, planeOf } from "./shapes.js";
import { maskOf, predictionOf, wholeOf } from "./stand_in_answers.js";

const [WIDTH, HEIGHT] = [12, 10];

function point(x: number, y: number): Prompt {
  return { kind: "point", x, y, positive: true };
}

const [A, B, C] = [point(3, 3), point(8, 5), point(5, 8)].map((prompt) => roundOf(prompt));

function openDraft() {
  const draft = new Draft();
  draft.opened(WIDTH, HEIGHT);
  return draft;
}

function answer(draft: Draft, rounds: readonly PromptRound[] = draft.rounds.peek()) {
  const mask = boxed(maskOf(rounds, WIDTH, HEIGHT), WIDTH, HEIGHT);
  draft.take({ rounds, prediction: predictionOf(rounds, mask, wholeOf(WIDTH, HEIGHT)) }, mask);
}

/** The mask on screen, width * height. */
const shown = ({ mask }: Draft) => planeOf(mask, WIDTH, HEIGHT);

/** A dab of the brush that adds one pixel. */
function dab(draft: Draft, x: number, y: number) {
  const at = { x: x + 0.5, y: y + 0.5 };
  draft.correct((mask) => mask.paint(at, at, 1, true));
  const change = draft.correct((mask) => mask.finish());
  draft.correctionsChanged();
  return change ?? assert.fail("nothing was added");
}

test("candidates can be chosen once all prompts are answered", () => {
  const draft = openDraft();
  assert.deepEqual([draft.candidates.value, draft.seen.value, draft.hasMask.value, draft.mask], [0, 0, false, undefined]);
  draft.put([A], 0);
  assert.deepEqual([draft.candidates.value, draft.hasMask.value], [0, false], "the answer is awaited");
  answer(draft);
  assert.deepEqual([draft.candidates.value, draft.selected.value, draft.seen.value, draft.hasMask.value], [3, 1, 1, true]);
  draft.select(2);
  assert.deepEqual(draft.rounds.value, [{ ...A, candidate: 2 }]);
  assert.deepEqual([draft.candidates.value, draft.selected.value, draft.seen.value], [3, 2, 1], "the prompts are the same");
  const rounds = [...draft.rounds.value, B];
  draft.put(rounds, 0);
  assert.deepEqual([draft.candidates.value, draft.seen.value, draft.hasMask.value], [0, 1, true], "the last mask stays meanwhile");
  assert.deepEqual(draft.prompts.value, [A.prompt, B.prompt]);
  answer(draft);
  assert.deepEqual([draft.candidates.value, draft.selected.value, draft.seen.value], [1, 0, 2]);
  draft.put(rounds.slice(0, 1), 0);
  assert.deepEqual([draft.candidates.value, draft.selected.value, draft.seen.value], [0, 2, 1], "an answer to more is none to less");
});

test("a box begins another object, whose marks alone are drawn", () => {
  const draft = openDraft();
  const box: Prompt = { kind: "box", x0: 1, y0: 1, x1: 6, y1: 6 };
  draft.put([A, B], 0);
  answer(draft);
  draft.put([A, B, roundOf(box)], 0);
  assert.deepEqual([draft.prompts.value, draft.seenOfObject.value], [[box], 0]);
  answer(draft);
  assert.deepEqual([draft.prompts.value, draft.seenOfObject.value], [[box], 1]);
  draft.put([A, B, roundOf(box), C], 0);
  assert.deepEqual([draft.prompts.value, draft.seenOfObject.value], [[box, C.prompt], 1]);
  draft.put([A, B], 0);
  assert.deepEqual([draft.prompts.value, draft.seenOfObject.value], [[A.prompt, B.prompt], 2], "it is taken back");
});

test("without prompts there is neither answer nor mask nor correction", () => {
  const draft = openDraft();
  draft.put([A], 5);
  answer(draft);
  dab(draft, 11, 9);
  draft.acceptWanted.value = true;
  draft.put([], 0);
  assert.deepEqual([draft.answer.value, draft.mask, draft.corrections, draft.record], [undefined, undefined, undefined, null]);
  assert.deepEqual([draft.hasMask.value, draft.acceptWanted.value, draft.refined.value], [false, false, 0]);
});

test("an answer to prompts that are gone is not taken", () => {
  const draft = openDraft();
  draft.put([A], 0);
  draft.put([], 0);
  answer(draft, [A]);
  assert.equal(draft.answer.value, undefined);
  draft.put([C], 0);
  answer(draft, [A, B]);
  assert.equal(draft.hasMask.value, false, "the mask of other prompts is no draft of these");
  answer(draft);
  draft.put([A, B], 0);
  assert.deepEqual([draft.hasMask.value, draft.answer.value], [false, undefined]);
});

test("a draft is stored with its corrections and comes back", () => {
  const draft = openDraft();
  draft.put([A, B], 4);
  answer(draft);
  assert.deepEqual(draft.record, { rounds: [A, B], refined: 4, corrections: null });
  assert.equal(draft.correctedMask, undefined);
  const change = dab(draft, 11, 9);
  const corrected = shown(draft);
  assert.ok(draft.correctedMask && corrected?.at(-1) === 255);
  const { record } = draft;
  assert.ok(record?.corrections);

  const later = openDraft();
  later.put(record.rounds, record.refined, Uint32Array.from(record.corrections));
  assert.deepEqual(later.record, record, "also before it is answered");
  answer(later);
  assert.deepEqual(shown(later), corrected);

  draft.correct((mask) => mask.undo(change));
  assert.equal(draft.record?.corrections, null, "what was undone is no correction");
});

test("a state comes back with its mask, and is told from another", () => {
  const draft = openDraft();
  draft.put([A], 2);
  answer(draft);
  const plain = draft.state;
  const predicted = shown(draft);
  dab(draft, 11, 9);
  const corrected = draft.state;
  draft.put([A, B], 2);
  assert.ok(!draft.is(plain));
  const { masked } = draft;
  const before = masked.value;
  draft.restore(plain);
  assert.ok(draft.is(plain) && masked.value > before, "the mask is to be painted again");
  assert.deepEqual(shown(draft), predicted);
  draft.restore(corrected);
  assert.equal(shown(draft)?.at(-1), 255);
  draft.put([A], 0);
  assert.ok(!draft.is(plain), "it is for another object");
});

test("lists of prompts are compared by what they say", () => {
  assert.ok(sameRounds([A, B], [structuredClone(A), structuredClone(B)]));
  assert.ok(!sameRounds([A], [A, B]));
  assert.ok(!sameRounds([A], [{ ...A, candidate: 1 }]));
});
