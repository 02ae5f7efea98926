// How much of a training is done and how long the rest takes, from the pieces of work done so far.

/** Before a step was timed: about so many judged objects take as long as a step. */
const OBJECTS_OF_STEP = 8;

export class WorkEstimate {
  #steps = { count: 0, time: 0 };
  #objects = { count: 0, time: 0 };

  /** A piece of work was done. @param {number} milliseconds @param {"step" | "object"} kind */
  add(milliseconds, kind) {
    const sum = kind === "step" ? this.#steps : this.#objects;
    sum.count += 1;
    sum.time += milliseconds;
  }

  /**
   * The done part from 0 to 1, and the milliseconds left where both kinds of work were timed.
   * @param {TrainingInfo} info @param {number} judged objects of the judgement that runs
   * @returns {{fraction: number, left: number | undefined}}
   */
  of({ step, settings, scores, held_out_objects }, judged) {
    const { steps, judge_every } = settings;
    const objects = (1 + Math.ceil(steps / judge_every)) * held_out_objects;
    const objectsDone = scores.length * held_out_objects + judged;
    const timed = this.#steps.count > 0 && this.#objects.count > 0;
    const perObject = timed ? this.#objects.time / this.#objects.count : 1;
    const perStep = timed ? this.#steps.time / this.#steps.count : OBJECTS_OF_STEP;
    const all = steps * perStep + objects * perObject;
    const done = Math.min(all, step * perStep + objectsDone * perObject);
    return { fraction: done / all, left: timed ? all - done : undefined };
  }
}
