// How much of a training is done and how long the rest will take, from the pieces of work done so far.

import type { TrainingInfo } from "../engine/graysam.js";

/** Until a step has been timed: evaluating about so many objects takes as long as a step. */
const OBJECTS_PER_STEP = 8;

export class WorkEstimate {
  #steps = { count: 0, time: 0 };
  #objects = { count: 0, time: 0 };

  /** A training step was done, or an object evaluated. */
  add(milliseconds: number, kind: "step" | "object") {
    const sum = kind === "step" ? this.#steps : this.#objects;
    sum.count += 1;
    sum.time += milliseconds;
  }

  /**
   * @param evaluated objects of the evaluation that is under way
   * @returns the done part from 0 to 1, and the milliseconds left once both kinds of work have been timed
   */
  of({ step, settings, evaluations, held_out_objects }: TrainingInfo, evaluated: number) {
    const { steps, evaluate_every } = settings;
    const objects = (1 + Math.ceil(steps / evaluate_every)) * held_out_objects;
    const objectsDone = evaluations.length * held_out_objects + evaluated;
    const timed = this.#steps.count > 0 && this.#objects.count > 0;
    const perObject = timed ? this.#objects.time / this.#objects.count : 1;
    const perStep = timed ? this.#steps.time / this.#steps.count : OBJECTS_PER_STEP;
    const all = steps * perStep + objects * perObject;
    const done = Math.min(all, step * perStep + objectsDone * perObject);
    return { fraction: done / all, left: timed ? all - done : undefined };
  }
}
