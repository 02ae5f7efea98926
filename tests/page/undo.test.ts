// Whatever was done, undo takes it back and redo does it again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Sequence } from "./undo_sequence.js";

const SEQUENCES = 10_000;

/** What has to occur, and often. */
const EDITS = [
  "accept the mask",
  "refine the object",
  "prompt",
  "take the last prompt back",
  "clear the prompts",
  "choose a candidate",
  "refine by prompts",
  "correct the mask",
  "draw",
  "erase",
  "draw a polygon",
  "cut objects",
  "merge objects",
  "split objects",
  "fill holes",
  "smooth objects",
  "delete the object",
  "delete objects",
  "change",
  "open labels",
  "find all objects",
  "keep the suggestion",
  "throw the suggestion away",
  "correct the suggestion",
  "add a class",
  "change a class",
  "remove a class",
  "mark the image as done",
  "mark the image as not done",
  "change the display",
  "remove the image",
  "remove the labels of b",
];

test("undo and redo of any sequence of commands give the same document", { timeout: 120_000 }, async () => {
  const only = process.env.SEED;
  const seeds = only ? [Number(only)] : Array.from({ length: SEQUENCES }, (_, i) => i + 1);
  const counts = new Map<string, number>();
  for (const seed of seeds) {
    const sequence = new Sequence(seed);
    try {
      await sequence.run();
    } catch (error) {
      throw new Error(`Sequence SEED=${seed} fails after: ${sequence.log.join(", ")}`, { cause: error });
    }
    for (const label of sequence.log) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  if (only) return;
  for (const label of EDITS.flatMap((edit) => [edit, `undo ${edit}`, `redo ${edit}`])) {
    assert.ok((counts.get(label) ?? 0) >= 20, `${label}: ${counts.get(label)} times`);
  }
});
