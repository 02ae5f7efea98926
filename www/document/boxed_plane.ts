// A plane of small numbers of which a box is held that grows with what is written; outside of it all are 0.

import { holds, type PixelBox, union } from "./geometry.js";
import { WRONG_LENGTH } from "./runs.js";
import type { MaskRegion } from "./types.js";

/** The share of its sides by which a box grows further than it has to, so that a stroke does not copy it each time. */
const SPARE = 1 / 4;

export class BoxedPlane implements MaskRegion {
  x0 = 0;
  y0 = 0;
  x1 = 0;
  y1 = 0;
  bits = new Uint8Array(0);
  #width;
  #height;

  /** @param width of the image, beyond which nothing is written */
  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  static copyOf({ x0, y0, x1, y1, bits }: MaskRegion, width: number, height: number) {
    return Object.assign(new BoxedPlane(width, height), { x0, y0, x1, y1, bits: bits.slice() });
  }

  /** @param runs of the whole plane, see `pack`; those of another length are refused */
  static fromRuns(runs: Uint32Array, width: number, height: number) {
    const plane = new BoxedPlane(width, height);
    let at = 0;
    for (let i = 0; i + 1 < runs.length; i += 2) at += runs[i];
    if (at !== width * height) throw new Error(WRONG_LENGTH);
    at = 0;
    for (let i = 0; i + 1 < runs.length; i += 2) {
      if (runs[i + 1]) plane.fill(at, at + runs[i], runs[i + 1]);
      at += runs[i];
    }
    return plane;
  }

  /** @param i the pixel's place in the image */
  at(i: number) {
    const y = Math.floor(i / this.#width);
    const x = i - y * this.#width;
    const inside = x >= this.x0 && x < this.x1 && y >= this.y0 && y < this.y1;
    return inside ? this.bits[(y - this.y0) * (this.x1 - this.x0) + x - this.x0] : 0;
  }

  /** Writes the pixels from `start` to just before `end`, which may go on over the ends of rows. */
  fill(start: number, end: number, value: number) {
    const width = this.#width;
    for (let from = start; from < end;) {
      const y = Math.floor(from / width);
      const to = Math.min(end, (y + 1) * width);
      this.#fillRow(y, from - y * width, to - y * width, value);
      from = to;
    }
  }

  #fillRow(y: number, from: number, to: number, value: number) {
    if (value) this.#hold({ x0: from, y0: y, x1: to, y1: y + 1 });
    else if (y < this.y0 || y >= this.y1) return;
    const [x0, x1] = [Math.max(from, this.x0), Math.min(to, this.x1)];
    const row = (y - this.y0) * (this.x1 - this.x0) - this.x0;
    if (x0 < x1) this.bits.fill(value, row + x0, row + x1);
  }

  #hold(box: PixelBox) {
    if (holds(this, box)) return;
    const { x0, y0, x1, y1, bits } = this;
    const empty = bits.length === 0;
    const grown = this.#spared(empty ? box : union(box, { x0, y0, x1, y1 }));
    const columns = grown.x1 - grown.x0;
    const more = new Uint8Array(columns * (grown.y1 - grown.y0));
    for (let y = y0; y < y1 && !empty; y++) {
      const row = bits.subarray((y - y0) * (x1 - x0), (y - y0 + 1) * (x1 - x0));
      more.set(row, (y - grown.y0) * columns + x0 - grown.x0);
    }
    Object.assign(this, grown, { bits: more });
  }

  /** A larger box on the sides on which it grows. */
  #spared({ x0, y0, x1, y1 }: PixelBox): PixelBox {
    const [dx, dy] = [Math.ceil((x1 - x0) * SPARE), Math.ceil((y1 - y0) * SPARE)];
    const first = this.bits.length === 0;
    return {
      x0: first || x0 < this.x0 ? Math.max(0, x0 - dx) : x0,
      y0: first || y0 < this.y0 ? Math.max(0, y0 - dy) : y0,
      x1: first || x1 > this.x1 ? Math.min(this.#width, x1 + dx) : x1,
      y1: first || y1 > this.y1 ? Math.min(this.#height, y1 + dy) : y1,
    };
  }
}
