// A plane of numbers as runs of equal ones: pairs of (length, number), in order.

/** In a plane of objects' numbers: not annotated, so neither object nor background. */
export const NOT_ANNOTATED = 0xffff_ffff;
export const WRONG_LENGTH = "The labels are of another size than their image.";

export function isObject(number: number) {
  return number !== 0 && number !== NOT_ANNOTATED;
}

/** Makes runs of numbers that come in order. */
export class RunWriter {
  #runs: number[] = [];

  add(length: number, value: number) {
    const runs = this.#runs;
    if (length === 0) return this;
    if (runs.length > 0 && runs[runs.length - 1] === value) runs[runs.length - 2] += length;
    else runs.push(length, value);
    return this;
  }

  take(): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.#runs);
  }
}

export function pack(values: Uint8Array | Uint32Array, start = 0, end = values.length): Uint32Array<ArrayBuffer> {
  const runs: number[] = [];
  for (let from = start, i = start + 1; from < end; i++) {
    if (i < end && values[i] === values[from]) continue;
    runs.push(i - from, values[from]);
    from = i;
  }
  return Uint32Array.from(runs);
}

/** @param length of the plane; runs of another length are refused */
export function unpack(runs: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const values = new Uint32Array(length);
  let at = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    if (runs[i + 1]) values.fill(runs[i + 1], at, at + runs[i]);
    at += runs[i];
  }
  if (at !== length) throw new Error(WRONG_LENGTH);
  return values;
}

export function sameRuns(a: Uint32Array, b: Uint32Array) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** How many objects there are. */
export function distinct(runs: Uint32Array) {
  const found = new Set<number>();
  for (let i = 1; i < runs.length; i += 2) if (isObject(runs[i])) found.add(runs[i]);
  return found.size;
}

/** Whether two planes are the same, however their runs are cut. */
export function samePlane(a: Uint32Array, b: Uint32Array) {
  return sameRuns(whole(a), whole(b));
}

function whole(runs: Uint32Array) {
  const writer = new RunWriter();
  for (let i = 0; i + 1 < runs.length; i += 2) writer.add(runs[i], runs[i + 1]);
  return writer.take();
}
