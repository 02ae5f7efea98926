// A plane of numbers that is changed pixel by pixel, and whose changes can be taken back and made again.

/** @typedef {import("./viewer.js").Point} Point */

/**
 * What was changed at once.
 * @typedef {object} Change
 * @property {number[]} runs (start, length, value before, value after) of each
 * @property {PixelBox} box
 */

/** @param {PixelBox | undefined} a @param {PixelBox | undefined} b @returns {PixelBox | undefined} */
export function union(a, b) {
  if (!a || !b) return a ?? b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

/**
 * Visits, row by row, the pixels that a round brush covers on its way between two points.
 * @param {Point} from @param {Point} to @param {number} diameter in pixels
 * @param {number} width @param {number} height
 * @param {(start: number, end: number) => void} visit the places of a row's pixels; `end` is just behind
 * @returns {PixelBox | undefined} what may have been visited
 */
export function sweep(from, to, diameter, width, height, visit) {
  // An odd brush is centred on a pixel, an even one on a corner; so one of 1 pixel always covers one.
  const snap = (/** @type {number} */ at) => (diameter % 2 ? Math.floor(at) + 0.5 : Math.round(at));
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
  const covers = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
    const along = Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
    return (px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius + 1e-6;
  };
  for (let y = box.y0; y < box.y1; y++) {
    // The swept shape is convex: a row of it is one run.
    let [x0, x1] = [box.x0, box.x1];
    while (x0 < x1 && !covers(x0, y)) x0++;
    while (x0 < x1 && !covers(x1 - 1, y)) x1--;
    if (x0 < x1) visit(y * width + x0, y * width + x1);
  }
  return box.x0 < box.x1 && box.y0 < box.y1 ? box : undefined;
}

/** @template {Uint8Array | Uint32Array} T */
export class Raster {
  /** @type {T} */
  values;
  width;
  height;

  /** The change that is being made. @type {number[]} */
  #runs = [];

  /** @param {T} values @param {number} width @param {number} height */
  constructor(values, width, height) {
    this.values = values;
    this.width = width;
    this.height = height;
  }

  /** Writes one pixel as a part of the change that `finish` ends. @param {number} i @param {number} value */
  set(i, value) {
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

  /** Ends a change. @returns {Change | undefined} undefined: nothing was changed */
  finish() {
    const runs = this.#runs;
    if (runs.length === 0) return;
    this.#runs = [];
    let box = this.boxOfRun(runs[0], runs[1]);
    for (let at = 0; at < runs.length; at += 4) {
      box = union(box, this.boxOfRun(runs[at], runs[at + 1])) ?? box;
      this.ran(runs[at], runs[at + 1], runs[at + 2], runs[at + 3]);
    }
    return { runs, box };
  }

  /** Takes a change back. @param {Change} change the last one that is not taken back */
  undo({ runs }) {
    for (let at = runs.length - 4; at >= 0; at -= 4) {
      const [start, length, before, after] = runs.slice(at, at + 4);
      this.values.fill(before, start, start + length);
      this.ran(start, length, after, before);
    }
  }

  /** Makes a change again. @param {Change} change the one that was taken back last */
  redo({ runs }) {
    for (let at = 0; at < runs.length; at += 4) {
      const [start, length, before, after] = runs.slice(at, at + 4);
      this.values.fill(after, start, start + length);
      this.ran(start, length, before, after);
    }
  }

  /** A run of pixels has changed; for those who count. @param {number} _start @param {number} _length @param {number} _before @param {number} _after */
  ran(_start, _length, _before, _after) {}

  /** @param {number} start @param {number} length @returns {PixelBox} */
  boxOfRun(start, length) {
    const { width } = this;
    const y0 = Math.floor(start / width);
    const y1 = Math.floor((start + length - 1) / width) + 1;
    const x0 = start - y0 * width;
    return y1 - y0 > 1 ? { x0: 0, y0, x1: width, y1 } : { x0, y0, x1: x0 + length, y1 };
  }
}
