// Shapes of single objects: small planes of 0 and 1 with a place in the image.

/** @typedef {{x: number, y: number}} Point */

/**
 * @typedef {object} Region
 * @property {number} x0 @property {number} y0 where its first pixel lies in the image
 * @property {number} width @property {number} height
 * @property {Uint8Array} bits 1 inside, width * height
 */

/**
 * The pixels that a point reaches over sides, marked in `seen`.
 * @param {Region} region @param {Uint8Array} seen @param {number} start
 * @param {number} wanted the bit of the pixels
 */
function flood({ width, height, bits }, seen, start, wanted) {
  const found = [start];
  seen[start] = 1;
  for (let next = 0; next < found.length; next++) {
    const i = found[next];
    const x = i % width;
    for (const [there, exists] of /** @type {[number, boolean][]} */ ([
      [i - 1, x > 0],
      [i + 1, x + 1 < width],
      [i - width, i >= width],
      [i + width, i + width < width * height],
    ])) {
      if (!exists || seen[there] || bits[there] !== wanted) continue;
      seen[there] = 1;
      found.push(there);
    }
  }
  return found;
}

/** The region without holes. @param {Region} region with background all round @returns {Region} */
export function filled(region) {
  const outside = new Uint8Array(region.bits.length);
  flood(region, outside, 0, 0);
  return { ...region, bits: outside.map((out) => 1 - out) };
}

/** Its connected parts, the largest first. @param {Region} region @returns {Region[]} */
export function parts(region) {
  const seen = new Uint8Array(region.bits.length);
  const found = [];
  for (let i = 0; i < seen.length; i++) if (region.bits[i] && !seen[i]) found.push(flood(region, seen, i, 1));
  found.sort((a, b) => b.length - a.length);
  return found.map((pixels) => {
    const bits = new Uint8Array(region.bits.length);
    for (const i of pixels) bits[i] = 1;
    return { ...region, bits };
  });
}

/** Neighbours to each side whose majority decides when an outline is smoothed. */
const SMOOTH = 2;

/**
 * With a smoother outline: each pixel becomes what most of the 5 × 5 pixels around it are.
 * @param {Region} region @returns {Region}
 */
export function smoothed({ x0, y0, width, height, bits }) {
  const [wide, high] = [width + 2 * SMOOTH, height + 2 * SMOOTH];
  /** Sums of all above and to the left. */
  const sums = new Uint32Array((wide + 2 * SMOOTH + 1) * (high + 2 * SMOOTH + 1));
  const stride = wide + 2 * SMOOTH + 1;
  for (let y = 0; y < high + 2 * SMOOTH; y++) {
    for (let x = 0, row = 0; x < wide + 2 * SMOOTH; x++) {
      const [bx, by] = [x - 2 * SMOOTH, y - 2 * SMOOTH];
      const inside = bx >= 0 && by >= 0 && bx < width && by < height;
      if (inside) row += bits[by * width + bx];
      sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
    }
  }
  const side = 2 * SMOOTH + 1;
  const result = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [top, bottom] = [y * stride, (y + side) * stride];
      const sum = sums[bottom + x + side] - sums[bottom + x] - sums[top + x + side] + sums[top + x];
      if (2 * sum > side * side) result[y * wide + x] = 1;
    }
  }
  return { x0: x0 - SMOOTH, y0: y0 - SMOOTH, width: wide, height: high, bits: result };
}

/**
 * The parts of a region on both sides of the line through two points; parts that the way between them does not
 * cross stay with the first.
 * @param {Region} region @param {Point} from @param {Point} to in the image
 * @returns {[Region, Region] | undefined} undefined: one side is empty
 */
export function cut(region, from, to) {
  const { x0, y0, width, height } = region;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const first = new Uint8Array(width * height);
  const second = new Uint8Array(width * height);
  for (const part of parts(region)) {
    const crossed = crosses(part, from, to);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (!part.bits[i]) continue;
        const side = (x0 + x + 0.5 - from.x) * dy - (y0 + y + 0.5 - from.y) * dx;
        (crossed && side > 0 ? second : first)[i] = 1;
      }
    }
  }
  if (!first.includes(1) || !second.includes(1)) return;
  return [
    { ...region, bits: first },
    { ...region, bits: second },
  ];
}

/** Whether the way between two points meets a region. @param {Region} region @param {Point} from @param {Point} to */
function crosses({ x0, y0, width, height, bits }, from, to) {
  const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) + 1;
  for (let step = 0; step <= steps; step++) {
    const x = Math.floor(from.x + ((to.x - from.x) * step) / steps) - x0;
    const y = Math.floor(from.y + ((to.y - from.y) * step) / steps) - y0;
    if (x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x]) return true;
  }
  return false;
}

/**
 * Visits, row by row, the pixels whose centres lie inside a polygon (even-odd).
 * @param {Point[]} corners @param {number} width @param {number} height of the image
 * @param {(start: number, end: number) => void} visit the places of a row's pixels; `end` is just behind
 */
export function fillPolygon(corners, width, height, visit) {
  const ys = corners.map(({ y }) => y);
  const last = Math.min(height, Math.ceil(Math.max(...ys)));
  for (let y = Math.max(0, Math.floor(Math.min(...ys))); y < last; y++) {
    const centre = y + 0.5;
    const crossings = [];
    for (let i = 0; i < corners.length; i++) {
      const [a, b] = [corners[i], corners[(i + 1) % corners.length]];
      if (a.y <= centre === b.y <= centre) continue;
      crossings.push(a.x + ((centre - a.y) / (b.y - a.y)) * (b.x - a.x));
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(width, Math.ceil(crossings[i + 1] - 0.5));
      if (from < to) visit(y * width + from, y * width + to);
    }
  }
}

/** A region's box. @param {Region} region with its rim of one pixel */
export function boxOf({ x0, y0, width, height }) {
  return { x0: x0 + 1, y0: y0 + 1, x1: x0 + width - 1, y1: y0 + height - 1 };
}

/** A region as a prompt. @param {Region} region with its rim of one pixel @returns {MaskPrompt} */
export function maskPrompt(region) {
  const [width, height] = [region.width - 2, region.height - 2];
  const inner = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + 1) * region.width + 1;
    inner.set(region.bits.subarray(start, start + width), y * width);
  }
  const runs = [];
  for (let at = 0; at < inner.length; ) {
    const bit = runs.length % 2;
    const end = inner.indexOf(1 - bit, at);
    const next = end < 0 ? inner.length : end;
    runs.push(next - at);
    at = next;
  }
  return { kind: "mask", ...boxOf(region), runs };
}
