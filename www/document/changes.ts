// What was changed of a plane of numbers at once, so that it can be undone and redone.

import { type PixelBox, union } from "./geometry.js";
import { NumberList } from "./number_list.js";

export interface Change {
  /** (start, length, value before, value after) of each run. */
  runs: Uint32Array<ArrayBuffer>;
  box: PixelBox;
}

/** The box of a run of pixels; one over several rows has their whole width. @param width of the plane */
export function boxOfRun(start: number, length: number, width: number): PixelBox {
  const y0 = Math.floor(start / width);
  const y1 = Math.floor((start + length - 1) / width) + 1;
  const x0 = start - y0 * width;
  return y1 - y0 > 1 ? { x0: 0, y0, x1: width, y1 } : { x0, y0, x1: x0 + length, y1 };
}

export class ChangeRecorder {
  #width;
  #runs = new NumberList();

  /** @param width of the plane */
  constructor(width: number) {
    this.#width = width;
  }

  /** A pixel has changed. */
  add(i: number, before: number, after: number) {
    const runs = this.#runs;
    const goesOn = !runs.empty && runs.last(0) + runs.last(1) === i && runs.last(2) === before && runs.last(3) === after;
    if (goesOn) runs.increaseLast(1, 1);
    else runs.add(i, 1, before, after);
  }

  /** Ends the change; undefined: nothing has changed. */
  finish(): Change | undefined {
    if (this.#runs.empty) return;
    const runs = this.#runs.take();
    let box = boxOfRun(runs[0], runs[1], this.#width);
    for (let at = 4; at < runs.length; at += 4) box = union(box, boxOfRun(runs[at], runs[at + 1], this.#width));
    return { runs, box };
  }
}
