// Shapes of single objects: small planes of 0 and 1 with a place in the image.

import type { Box, Point } from "./geometry.js";
import type { RunVisitor } from "./raster.js";
import type { MaskPrompt } from "./types.js";

export interface Region {
  /** Where its first pixel lies in the image. */
  x0: number;
  y0: number;
  width: number;
  height: number;
  /** 1 inside, width * height. */
  bits: Uint8Array;
}

/**
 * The pixels of one value that are connected with `start` over their sides; they are marked in `seen`.
 * @param wanted the bit of the pixels
 */
function flood({ width, height, bits }: Region, seen: Uint8Array, start: number, wanted: number) {
  const found = [start];
  seen[start] = 1;
  for (let next = 0; next < found.length; next++) {
    const i = found[next];
    const x = i % width;
    const neighbours: [number, boolean][] = [
      [i - 1, x > 0],
      [i + 1, x + 1 < width],
      [i - width, i >= width],
      [i + width, i + width < width * height],
    ];
    for (const [neighbour, exists] of neighbours) {
      if (!exists || seen[neighbour] || bits[neighbour] !== wanted) continue;
      seen[neighbour] = 1;
      found.push(neighbour);
    }
  }
  return found;
}

/** The region without holes. @param region with background all round */
export function filled(region: Region): Region {
  const outside = new Uint8Array(region.bits.length);
  flood(region, outside, 0, 0);
  return { ...region, bits: outside.map((out) => 1 - out) };
}

/** Its connected parts, the largest first. */
export function parts(region: Region): Region[] {
  const seen = new Uint8Array(region.bits.length);
  const found: number[][] = [];
  for (let i = 0; i < seen.length; i++) if (region.bits[i] && !seen[i]) found.push(flood(region, seen, i, 1));
  found.sort((a, b) => b.length - a.length);
  return found.map((pixels) => {
    const bits = new Uint8Array(region.bits.length);
    for (const i of pixels) bits[i] = 1;
    return { ...region, bits };
  });
}

/** How far to each side the pixels lie whose majority decides when an outline is smoothed. */
const SMOOTHING_RADIUS = 2;

/** With a smoother outline: each pixel becomes what most of the 5 × 5 pixels around it are. */
export function smoothed({ x0, y0, width, height, bits }: Region): Region {
  const radius = SMOOTHING_RADIUS;
  const side = 2 * radius + 1;
  const [wide, high] = [width + 2 * radius, height + 2 * radius];
  // The summed-area table of the region and its surroundings.
  const stride = wide + side;
  const sums = new Uint32Array(stride * (high + side));
  for (let y = 0; y < high + 2 * radius; y++) {
    for (let x = 0, row = 0; x < wide + 2 * radius; x++) {
      const [bx, by] = [x - 2 * radius, y - 2 * radius];
      const inside = bx >= 0 && by >= 0 && bx < width && by < height;
      if (inside) row += bits[by * width + bx];
      sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
    }
  }
  const result = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [top, bottom] = [y * stride, (y + side) * stride];
      const sum = sums[bottom + x + side] - sums[bottom + x] - sums[top + x + side] + sums[top + x];
      if (2 * sum > side * side) result[y * wide + x] = 1;
    }
  }
  return { x0: x0 - radius, y0: y0 - radius, width: wide, height: high, bits: result };
}

/**
 * The parts of a region on both sides of the line through two points of the image; parts that the segment between
 * them does not cross stay with the first side.
 * @returns undefined if one side is empty
 */
export function cut(region: Region, from: Point, to: Point): [Region, Region] | undefined {
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

/** Whether the segment between two points meets a region. */
function crosses({ x0, y0, width, height, bits }: Region, from: Point, to: Point) {
  const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) + 1;
  for (let step = 0; step <= steps; step++) {
    const x = Math.floor(from.x + ((to.x - from.x) * step) / steps) - x0;
    const y = Math.floor(from.y + ((to.y - from.y) * step) / steps) - y0;
    if (x >= 0 && y >= 0 && x < width && y < height && bits[y * width + x]) return true;
  }
  return false;
}

/** Visits, row by row, the pixels of an image whose centres lie inside a polygon (even-odd rule). */
export function fillPolygon(corners: readonly Point[], width: number, height: number, visit: RunVisitor) {
  const ys = corners.map(({ y }) => y);
  const last = Math.min(height, Math.ceil(Math.max(...ys)));
  for (let y = Math.max(0, Math.floor(Math.min(...ys))); y < last; y++) {
    const centre = y + 0.5;
    const crossings: number[] = [];
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

/** The box of a region's object. @param region with a margin of one background pixel all round */
export function boxOf({ x0, y0, width, height }: Region): Box {
  return { x0: x0 + 1, y0: y0 + 1, x1: x0 + width - 1, y1: y0 + height - 1 };
}

/** A region as a prompt. @param region with a margin of one background pixel all round */
export function maskPrompt(region: Region): MaskPrompt {
  const [width, height] = [region.width - 2, region.height - 2];
  const inner = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + 1) * region.width + 1;
    inner.set(region.bits.subarray(start, start + width), y * width);
  }
  const runs: number[] = [];
  for (let at = 0; at < inner.length;) {
    const bit = runs.length % 2;
    const end = inner.indexOf(1 - bit, at);
    const next = end < 0 ? inner.length : end;
    runs.push(next - at);
    at = next;
  }
  return { kind: "mask", ...boxOf(region), runs };
}
