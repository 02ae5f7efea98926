// What might be found with what was learned: squares on a grid, so that the same labels give the same suggestions.

import { unpack } from "../../www/document/runs.js";
import type { MaskRegion } from "../../www/document/types.js";
import type { SuggestionInfo } from "../../www/engine/graysam.js";
import type { FoundSuggestions } from "../../www/engine/methods.js";

const SIDE = 2;
const STRIDE = 3;
/** Pieces of work that a search takes. */
export const FINDING_STEPS = 3;
export const THRESHOLD = 0.5;

/**
 * The squares where nothing is labelled and nothing was thrown away.
 * @param runs of the labels; empty: there are none
 * @param first sureness of the first square, from which on each is less sure
 */
export function suggested(runs: Uint32Array, width: number, height: number, rejected: readonly MaskRegion[] = [], first = 0.95) {
  const labels = runs.length > 0 ? unpack(runs, width * height) : new Uint32Array(width * height);
  const suggestions: SuggestionInfo[] = [];
  for (let y = 0; y + SIDE <= height; y += STRIDE) {
    for (let x = 0; x + SIDE <= width; x += STRIDE) {
      const isFree = [0, 1, width, width + 1].every((step) => labels[y * width + x + step] === 0);
      const isGone = rejected.some(({ x0, y0 }) => x0 === x && y0 === y);
      if (isFree && !isGone)
        suggestions.push({ sureness: Math.max(0, first - 0.05 * suggestions.length), bounds: [x, y, x + SIDE, y + SIDE] });
    }
  }
  return { suggestions, bits: new Uint8Array(suggestions.length * SIDE * SIDE).fill(255) };
}

/** What an engine has learned, and what it is at. */
export class StandInFinder {
  /** What was learned, as it is in the file. */
  learned: { model: string; objects: number } | undefined;

  #size;
  #work: { found: FoundSuggestions; left: number; learns: StandInFinder["learned"] } | undefined;

  constructor(width: number, height: number) {
    this.#size = [width, height] as const;
  }

  /** Of which model it is; what was learned before is gone. */
  learn(model: string, runs: Uint32Array, rejected: readonly MaskRegion[]) {
    this.learned = undefined;
    const objects = new Set(runs.filter((number, i) => i % 2 === 1 && number > 0)).size;
    const quality = { examples: objects, found: objects, missed: 0, wrong: rejected.length };
    this.#work = {
      found: { ...suggested(runs, ...this.#size, rejected), threshold: THRESHOLD, quality },
      left: FINDING_STEPS,
      learns: { model, objects },
    };
  }

  find(runs: Uint32Array) {
    if (!this.learned) throw new Error("Nothing was learned.");
    this.#work = {
      found: { ...suggested(runs, ...this.#size), threshold: THRESHOLD, quality: undefined },
      left: FINDING_STEPS,
      learns: undefined,
    };
  }

  advance() {
    if (!this.#work) throw new Error("Nothing is searched.");
    if (this.#work.left === 0) return undefined;
    this.#work.left -= 1;
    return { step: FINDING_STEPS - this.#work.left, steps: FINDING_STEPS };
  }

  drop() {
    this.#work = undefined;
  }

  finish(): FoundSuggestions {
    const work = this.#work;
    if (work?.left !== 0) throw new Error("The search is not done.");
    this.#work = undefined;
    this.learned = work.learns ?? this.learned;
    return work.found;
  }

  /** Something is searched. */
  get busy() {
    return this.#work !== undefined;
  }
}
