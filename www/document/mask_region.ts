// Masks within their boxes: what lies outside of the box is 0.

import { RunWriter } from "./runs.js";
import type { RunVisitor } from "./raster.js";
import type { MaskRegion } from "./types.js";

/** Visits, row by row, the runs of pixels inside a mask. @param width of the image */
export function visitInside({ x0, y0, x1, y1, bits }: MaskRegion, width: number, visit: RunVisitor) {
  const columns = x1 - x0;
  for (let y = y0; y < y1; y++) {
    const row = bits.subarray((y - y0) * columns, (y - y0 + 1) * columns);
    const start = y * width + x0;
    for (let x = 0; x < columns;) {
      if (!row[x]) {
        x += 1;
        continue;
      }
      const from = x;
      while (x < columns && row[x]) x += 1;
      visit(start + from, start + x);
    }
  }
}

/** How many pixels of a mask are inside. */
export function areaOf({ bits }: MaskRegion) {
  let area = 0;
  for (let i = 0; i < bits.length; i++) if (bits[i]) area += 1;
  return area;
}

/** The numbers of a whole image as runs, see `pack`, of which some are in a box and the others are 0. */
export function runsOf({ x0, y0, x1, y1, bits }: MaskRegion, width: number, height: number): Uint32Array<ArrayBuffer> {
  const runs = new RunWriter();
  const columns = x1 - x0;
  if (columns === 0 || y0 === y1) return runs.add(width * height, 0).take();
  runs.add(y0 * width, 0);
  for (let y = y0, at = 0; y < y1; y++) {
    runs.add(x0, 0);
    for (const end = at + columns; at < end;) {
      const from = at;
      while (at < end && bits[at] === bits[from]) at += 1;
      runs.add(at - from, bits[from]);
    }
    runs.add(width - x1, 0);
  }
  return runs.add((height - y1) * width, 0).take();
}
