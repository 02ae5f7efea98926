// A plane of numbers as runs of equal ones: pairs of (length, number), in order.

/** @param {Uint8Array | Uint32Array} values @param {number} [start] @param {number} [end] @returns {Uint32Array<ArrayBuffer>} */
export function pack(values, start = 0, end = values.length) {
  /** @type {number[]} */
  const runs = [];
  for (let from = start, i = start + 1; from < end; i++) {
    if (i < end && values[i] === values[from]) continue;
    runs.push(i - from, values[from]);
    from = i;
  }
  return Uint32Array.from(runs);
}

/** @param {Uint32Array} runs @param {number} length of the plane; runs of another one are refused */
export function unpack(runs, length) {
  const values = new Uint32Array(length);
  let at = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    if (runs[i + 1]) values.fill(runs[i + 1], at, at + runs[i]);
    at += runs[i];
  }
  if (at !== length) throw new Error("The labels are of another size than their image.");
  return values;
}

/** @param {Uint32Array} a @param {Uint32Array} b */
export function sameRuns(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** How many numbers other than 0 there are. @param {Uint32Array} runs */
export function distinct(runs) {
  const found = new Set();
  for (let i = 1; i < runs.length; i += 2) if (runs[i]) found.add(runs[i]);
  return found.size;
}
