// A plane of numbers that is changed pixel by pixel, and whose changes can be undone and redone.

import { type PixelBox, type Point, union } from "./geometry.js";

/** What was changed at once. */
export interface Change {
  /** (start, length, value before, value after) of each run. */
  runs: number[];
  box: PixelBox;
}

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

export class Raster<T extends Uint8Array | Uint32Array> {
  readonly values: T;
  readonly width: number;
  readonly height: number;

  /** The runs of the change in progress. */
  #runs: number[] = [];

  constructor(values: T, width: number, height: number) {
    this.values = values;
    this.width = width;
    this.height = height;
  }

  /** Writes one pixel as a part of the change that `finish` ends. */
  set(i: number, value: number) {
    const before = this.values[i];
    if (before === value) return;
    this.values[i] = value;
    const runs = this.#runs;
    const last = runs.length - 4;
    if (last >= 0 && runs[last] + runs[last + 1] === i && runs[last + 2] === before && runs[last + 3] === value) {
      runs[last + 1] += 1;
    } else {
      runs.push(i, 1, before, value);
    }
  }

  /** Ends a change; undefined if nothing was changed. */
  finish(): Change | undefined {
    const runs = this.#runs;
    if (runs.length === 0) return;
    this.#runs = [];
    let box = this.boxOfRun(runs[0], runs[1]);
    for (let at = 0; at < runs.length; at += 4) {
      box = union(box, this.boxOfRun(runs[at], runs[at + 1]));
      this.runChanged(runs[at], runs[at + 1], runs[at + 2], runs[at + 3]);
    }
    return { runs, box };
  }

  /** @param change the last one that is not undone */
  undo({ runs }: Change) {
    for (let at = runs.length - 4; at >= 0; at -= 4) {
      const [start, length, before, after] = runs.slice(at, at + 4);
      this.values.fill(before, start, start + length);
      this.runChanged(start, length, after, before);
    }
  }

  /** @param change the one that was undone last */
  redo({ runs }: Change) {
    for (let at = 0; at < runs.length; at += 4) {
      const [start, length, before, after] = runs.slice(at, at + 4);
      this.values.fill(after, start, start + length);
      this.runChanged(start, length, before, after);
    }
  }

  /** Called for every run that has changed, so that subclasses can keep count. */
  protected runChanged(_start: number, _length: number, _before: number, _after: number) {}

  protected boxOfRun(start: number, length: number): PixelBox {
    const { width } = this;
    const y0 = Math.floor(start / width);
    const y1 = Math.floor((start + length - 1) / width) + 1;
    const x0 = start - y0 * width;
    return y1 - y0 > 1 ? { x0: 0, y0, x1: width, y1 } : { x0, y0, x1: x0 + length, y1 };
  }
}
