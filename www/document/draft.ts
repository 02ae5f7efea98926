// What the person is at on the open image and has not accepted yet: prompts, the chosen candidate, the answer's mask
// with corrections, and which object they refine.

import { batch, computed, signal } from "../vendor/signals-core.js";
import type { Prediction, Prompt, PromptRound } from "../engine/graysam.js";
import { Damage } from "./damage.js";
import { DraftMask } from "./draft_mask.js";
import { sameRuns } from "./runs.js";
import type { MaskRegion } from "./types.js";

const NO_RUNS = new Uint32Array(0);

/** The engine's answer to some rounds. */
export interface Answer {
  rounds: readonly PromptRound[];
  prediction: Prediction;
}

/** What an edit of the draft changes. */
export interface DraftState {
  readonly rounds: readonly PromptRound[];
  /** The object that they are to reshape, 0 for a new one. */
  readonly refined: number;
  readonly corrections: Uint32Array | undefined;
}

/** A draft as it is stored, and as it comes back. */
export interface DraftRecord {
  rounds: PromptRound[];
  /** The object that they are to reshape, 0 for a new one. */
  refined: number;
  /** The corrections of the mask as runs; null: none. */
  corrections: number[] | null;
}

export function sameRounds(a: readonly PromptRound[], b: readonly PromptRound[]) {
  return a === b || (a.length === b.length && JSON.stringify(a) === JSON.stringify(b));
}

/** How many prompts two lists have in common from the first on. */
function commonPrompts(a: readonly PromptRound[], b: readonly PromptRound[]) {
  const differs = a.findIndex(({ prompt }, i) => JSON.stringify(prompt) !== JSON.stringify(b[i]?.prompt));
  return differs < 0 ? a.length : differs;
}

export class Draft {
  readonly rounds = signal<readonly PromptRound[]>([]);
  /** The object that the prompts are to reshape, 0 for a new one. */
  readonly refined = signal(0);
  /** The last answer, which stays while a newer one is awaited. */
  readonly answer = signal<Answer | undefined>(undefined);
  /** The answer is current: the engine has nothing to add to it. */
  readonly answered = signal(false);
  /** Accepting waits for the answer. */
  readonly acceptWanted = signal(false);
  /** Counts the changes of the mask's corrections. */
  readonly corrected = signal(0);
  /** Counts the masks. */
  readonly masked = signal(0);
  readonly damage = new Damage();

  /** Those of the object at hand: a box or a mask begins another one. */
  readonly prompts = computed(() => {
    const prompts = this.rounds.value.map(({ prompt }) => prompt);
    return prompts.slice(
      Math.max(
        0,
        prompts.findLastIndex(({ kind }) => kind !== "point"),
      ),
    );
  });
  /** How many of the prompts the last answer has seen. */
  readonly seen = computed(() => commonPrompts(this.rounds.value, this.answer.value?.rounds ?? []));
  /** How many of the object's. */
  readonly seenOfObject = computed(() => Math.max(0, this.seen.value - this.rounds.value.length + this.prompts.value.length));
  /** Candidates to choose from; none while a prompt waits. */
  readonly candidates = computed(() => {
    const { answer, rounds, seen } = this;
    const whole = seen.value === rounds.value.length && answer.value?.rounds.length === seen.value && seen.value > 0;
    return whole ? (answer.value?.prediction.ious.length ?? 0) : 0;
  });
  /** The candidate that is shown, or will be. */
  readonly selected = computed(() => this.rounds.value.at(-1)?.candidate ?? this.answer.value?.prediction.selected ?? 0);
  /** There is a mask to see, to correct and to accept. */
  readonly hasMask = computed(() => this.rounds.value.length > 0 && this.masked.value > 0 && this.mask !== undefined);

  #mask: DraftMask | undefined;

  /** The answer's mask with the corrections. It changes with them: what is painted may give it a larger box. */
  get mask() {
    return this.#mask?.mask;
  }

  /** The mask where it differs from the predicted one. */
  get correctedMask() {
    return this.hasMask.peek() && this.#mask?.corrected ? this.#mask.mask : undefined;
  }

  /** The corrections as runs, to be put back with `correctAs`. */
  get corrections() {
    return this.#mask?.corrections;
  }

  /** Another image is open: the draft is empty. */
  opened(width: number, height: number) {
    batch(() => {
      this.#mask = new DraftMask(width, height);
      this.put([], 0);
    });
  }

  get state(): DraftState {
    return { rounds: this.rounds.peek(), refined: this.refined.peek(), corrections: this.corrections };
  }

  /** Whether it is still, or again, in a state. */
  is({ rounds, refined, corrections }: DraftState) {
    const prompted = sameRounds(this.rounds.peek(), rounds) && this.refined.peek() === refined;
    return prompted && sameRuns(this.corrections ?? NO_RUNS, corrections ?? NO_RUNS);
  }

  /** Puts an earlier or a later state back. */
  restore({ rounds, refined, corrections }: DraftState) {
    batch(() => {
      this.put(rounds, refined);
      this.correctAs(corrections);
    });
  }

  /** Puts another draft in the place of this one; without rounds there is none. */
  put(rounds: readonly PromptRound[], refined: number, corrections?: Uint32Array) {
    const answer = this.answer.peek();
    batch(() => {
      // The mask of other prompts is no draft of these.
      if (rounds.length === 0 || (answer && commonPrompts(rounds, answer.rounds) === 0)) this.#forgetAnswer();
      this.rounds.value = rounds;
      this.refined.value = refined;
      this.acceptWanted.value = false;
      if (corrections) this.correctAs(corrections);
    });
  }

  /** Chooses a candidate of the last answer. */
  select(candidate: number) {
    const last = this.rounds.value.at(-1);
    if (last) this.rounds.value = [...this.rounds.value.slice(0, -1), { ...last, candidate }];
  }

  /** Takes the engine's answer, unless none of its prompts is left; the corrections outlast it. */
  take(answer: Answer, mask: MaskRegion) {
    if (commonPrompts(this.rounds.peek(), answer.rounds) === 0) return;
    batch(() => {
      this.answer.value = answer;
      this.#mask?.predict(mask);
      this.masked.value += 1;
    });
  }

  /** This mask and the next ones get these corrections. */
  correctAs(corrections: Uint32Array | undefined) {
    batch(() => {
      this.#mask?.correctAs(corrections);
      this.corrected.value += 1;
      if (this.mask) this.masked.value += 1;
    });
  }

  /** Lets `change` paint the mask, or undo a stroke of it. */
  correct<T>(change: (mask: DraftMask) => T): T | undefined {
    return this.#mask && change(this.#mask);
  }

  /** A stroke of corrections is done, undone or redone. */
  correctionsChanged() {
    this.corrected.value += 1;
  }

  /** As it is to be stored; null: empty. */
  get record(): DraftRecord | null {
    const rounds = this.rounds.value;
    if (rounds.length === 0) return null;
    const { corrections } = this;
    return { rounds: [...rounds], refined: this.refined.value, corrections: corrections ? [...corrections] : null };
  }

  #forgetAnswer() {
    this.answer.value = undefined;
    this.#mask?.predict(null);
    this.masked.value = 0;
  }
}

/** A prompt whose candidate the model chooses. @param side of the level of the image that it looks at, see `Sight` */
export function roundOf(prompt: Prompt, side = 0): PromptRound {
  return { prompt, candidate: null, side };
}
