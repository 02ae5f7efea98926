// A plane of numbers that is changed pixel by pixel, and whose changes can be undone and redone.

import { type Change, ChangeRecorder } from "./changes.js";
import type { PixelBox, Point } from "./geometry.js";
import { atOnce, RUN_COST, STEP, type Steps } from "./slices.js";

/** Visits the pixels from `start` to just before `end`, which lie in one row. */
export type RunVisitor = (start: number, end: number) => void;

/**
 * Visits, row by row, the pixels that a round brush covers on its way between two points.
 * @param diameter in pixels
 * @returns a box around what was visited, if anything was
 */
export function sweep(from: Point, to: Point, diameter: number, width: number, height: number, visit: RunVisitor): PixelBox | undefined {
  // An odd brush is centred on a pixel, an even one on a corner; so one of 1 pixel always covers one.
  const snap = (at: number) => (diameter % 2 ? Math.floor(at) + 0.5 : Math.round(at));
  const [ax, ay, bx, by] = [from.x, from.y, to.x, to.y].map(snap);
  const radius = diameter / 2;
  const box = {
    x0: Math.max(0, Math.floor(Math.min(ax, bx) - radius)),
    y0: Math.max(0, Math.floor(Math.min(ay, by) - radius)),
    x1: Math.min(width, Math.ceil(Math.max(ax, bx) + radius)),
    y1: Math.min(height, Math.ceil(Math.max(ay, by) + radius)),
  };
  const [dx, dy] = [bx - ax, by - ay];
  const squared = dx * dx + dy * dy || 1;
  const covers = (x: number, y: number) => {
    const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
    const along = Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
    return (px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius + 1e-6;
  };
  for (let y = box.y0; y < box.y1; y++) {
    // The swept shape is convex, so each of its rows is one run.
    let [x0, x1] = [box.x0, box.x1];
    while (x0 < x1 && !covers(x0, y)) x0++;
    while (x0 < x1 && !covers(x1 - 1, y)) x1--;
    if (x0 < x1) visit(y * width + x0, y * width + x1);
  }
  return box.x0 < box.x1 && box.y0 < box.y1 ? box : undefined;
}

export class Raster {
  readonly values: Uint32Array;
  readonly width: number;
  readonly height: number;
  /** Counts the changes. */
  version = 0;

  #recorder;

  constructor(values: Uint32Array, width: number, height: number) {
    this.values = values;
    this.width = width;
    this.height = height;
    this.#recorder = new ChangeRecorder(width);
  }

  /** Writes one pixel as a part of the change that `finish` ends. */
  set(i: number, value: number) {
    const before = this.values[i];
    if (before === value) return;
    this.values[i] = value;
    this.#recorder.add(i, before, value);
  }

  /** Ends a change; undefined if nothing was changed. */
  finish(): Change | undefined {
    const change = this.#recorder.finish();
    if (!change) return;
    const { runs, box } = change;
    for (let at = 0; at < runs.length; at += 4) this.runChanged(runs[at], runs[at + 1], runs[at + 2], runs[at + 3]);
    this.#changed(box);
    return change;
  }

  /** @param change the last one that is not undone */
  undo({ runs, box }: Change) {
    for (let at = runs.length - 4; at >= 0; at -= 4) {
      this.values.fill(runs[at + 2], runs[at], runs[at] + runs[at + 1]);
      this.runChanged(runs[at], runs[at + 1], runs[at + 3], runs[at + 2]);
    }
    this.#changed(box);
  }

  /** @param change the one that was undone last */
  redo(change: Change) {
    atOnce(this.redoing(change));
  }

  /** As `redo`, in steps, between which nothing else may be changed. */
  *redoing({ runs, box }: Change): Steps<void> {
    let work = 0;
    for (let at = 0; at < runs.length; at += 4) {
      const end = runs[at] + runs[at + 1];
      for (let from = runs[at]; from < end; from += STEP) {
        const to = Math.min(end, from + STEP);
        this.values.fill(runs[at + 3], from, to);
        work += to - from + RUN_COST;
        if (work < STEP) continue;
        work = 0;
        yield;
      }
    }
    for (let at = 0; at < runs.length; at += 4) {
      this.runChanged(runs[at], runs[at + 1], runs[at + 2], runs[at + 3]);
      if ((at * RUN_COST) % STEP === 0) yield;
    }
    this.#changed(box);
  }

  /** Called for every run that has changed, so that subclasses can keep count. */
  protected runChanged(_start: number, _length: number, _before: number, _after: number) {}

  /** Called when all runs of a change have been. */
  protected boxChanged(_box: PixelBox) {}

  #changed(box: PixelBox) {
    this.version += 1;
    this.boxChanged(box);
  }
}
