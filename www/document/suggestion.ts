// A suggestion of the finder: a mask within its box, packed, as an image may have thousands, and a project many images.

import type { SuggestionInfo } from "../engine/graysam.js";
import { intersection, type PixelBox, type Point } from "./geometry.js";
import type { RunVisitor } from "./raster.js";
import type { MaskPrompt, MaskRegion } from "./types.js";

export interface Suggestion extends PixelBox {
  /** The lengths of its pixels outside and inside in turn, row by row of the box. */
  readonly runs: Uint32Array<ArrayBuffer>;
  /** 0..1 */
  readonly sureness: number;
}

/** A suggestion as it is stored. */
export interface SuggestionRecord {
  box: [x0: number, y0: number, x1: number, y1: number];
  runs: number[];
  sureness: number;
}

/** Pixels of an image at most. */
export const MOST_PIXELS = 2 ** 31;
/** Of two masks whose IoU is larger, one is the other. */
const SAME = 0.5;

/** @param bits of masks, one after the other, 0 outside */
export function suggestionsOf(infos: readonly SuggestionInfo[], bits: Uint8Array): Suggestion[] {
  const found: Suggestion[] = [];
  let at = 0;
  for (const { sureness, bounds } of infos) {
    const [x0, y0, x1, y1] = bounds;
    const size = (x1 - x0) * (y1 - y0);
    const runs = packed(bits.subarray(at, at + size));
    at += size;
    if (runs.length > 1) found.push({ x0, y0, x1, y1, runs, sureness });
  }
  if (at !== bits.length) throw new Error("The engine's suggestions are of other sizes than their masks; reload the page.");
  return inOrder(found);
}

function packed(bits: Uint8Array): Uint32Array<ArrayBuffer> {
  const runs: number[] = [];
  for (let at = 0; at < bits.length;) {
    const from = at;
    const inside = runs.length % 2 === 1;
    while (at < bits.length && bits[at] > 0 === inside) at += 1;
    runs.push(at - from);
  }
  return Uint32Array.from(runs);
}

export function recordOf({ x0, y0, x1, y1, runs, sureness }: Suggestion): SuggestionRecord {
  return { box: [x0, y0, x1, y1], runs: [...runs], sureness };
}

/** @param record may be anything @param size of the image; undefined: not known yet @returns undefined if it is no suggestion in it */
export function suggestionIn(record: unknown, size?: { width: number; height: number }): Suggestion | undefined {
  const { box, runs, sureness } = (record ?? {}) as Partial<SuggestionRecord>;
  const whole = (numbers: unknown): numbers is number[] =>
    Array.isArray(numbers) && numbers.every((one) => Number.isInteger(one) && one >= 0);
  if (!whole(box) || box.length !== 4 || !whole(runs) || typeof sureness !== "number" || !(sureness >= 0 && sureness <= 1))
    return undefined;
  const [x0, y0, x1, y1] = box;
  const { width, height } = size ?? { width: x1, height: y1 };
  const pixels = (x1 - x0) * (y1 - y0);
  const filled = pixels <= MOST_PIXELS && runs.reduce((sum, run) => sum + run, 0) === pixels;
  if (!(x0 < x1 && x1 <= width && y0 < y1 && y1 <= height) || !filled || runs.length < 2) return undefined;
  return { x0, y0, x1, y1, runs: Uint32Array.from(runs), sureness };
}

/** The surest first; the order of equally sure ones is theirs in the image. */
export function inOrder(suggestions: readonly Suggestion[]): Suggestion[] {
  return suggestions.toSorted((a, b) => b.sureness - a.sureness || a.y0 - b.y0 || a.x0 - b.x0 || a.y1 - b.y1 || a.x1 - b.x1);
}

export function maskOf({ x0, y0, x1, y1, runs }: Suggestion): MaskRegion {
  const bits = new Uint8Array((x1 - x0) * (y1 - y0));
  for (let i = 0, at = 0; i < runs.length; at += runs[i++]) if (i % 2) bits.fill(255, at, at + runs[i]);
  return { x0, y0, x1, y1, bits };
}

export function promptOf({ x0, y0, x1, y1, runs }: Suggestion): MaskPrompt {
  return { kind: "mask", x0, y0, x1, y1, runs: [...runs] };
}

/** Whether a prompt is the one that `promptOf` makes. */
export function isPromptOf(prompt: MaskPrompt, { x0, y0, x1, y1, runs }: Suggestion) {
  const same = prompt.x0 === x0 && prompt.y0 === y0 && prompt.x1 === x1 && prompt.y1 === y1 && prompt.runs.length === runs.length;
  return same && runs.every((run, i) => run === prompt.runs[i]);
}

/** Visits, row by row, the runs of pixels inside. @param width of the image */
export function visitPixels({ x0, y0, x1, runs }: Suggestion, width: number, visit: RunVisitor) {
  const columns = x1 - x0;
  for (let i = 0, at = 0; i < runs.length; at += runs[i++]) {
    if (i % 2 === 0) continue;
    for (let from = at; from < at + runs[i];) {
      const row = Math.floor(from / columns);
      const to = Math.min(at + runs[i], (row + 1) * columns);
      const start = (y0 + row) * width + x0 - row * columns;
      visit(start + from, start + to);
      from = to;
    }
  }
}

export function areaOf({ runs }: Suggestion) {
  let area = 0;
  for (let i = 1; i < runs.length; i += 2) area += runs[i];
  return area;
}

/** Whether an image point is inside. */
export function covers(suggestion: Suggestion, { x, y }: Point) {
  const { x0, y0, x1, y1, runs } = suggestion;
  if (x < x0 || y < y0 || x >= x1 || y >= y1) return false;
  let left = (Math.floor(y) - y0) * (x1 - x0) + Math.floor(x) - x0;
  let i = 0;
  while (i < runs.length && left >= runs[i]) left -= runs[i++];
  return i % 2 === 1;
}

/** Whether both are masks of the same object. */
export function isSame(a: Suggestion, b: Suggestion) {
  const box = intersection(a, b);
  if (!box) return false;
  const [first, second] = [maskOf(a).bits, maskOf(b).bits];
  let common = 0;
  for (let y = box.y0; y < box.y1; y++) {
    const [rowA, rowB] = [(y - a.y0) * (a.x1 - a.x0) - a.x0, (y - b.y0) * (b.x1 - b.x0) - b.x0];
    for (let x = box.x0; x < box.x1; x++) if (first[rowA + x] && second[rowB + x]) common += 1;
  }
  return common > SAME * (areaOf(a) + areaOf(b) - common);
}
