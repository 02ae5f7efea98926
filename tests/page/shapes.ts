// Small planes for the tests.

import type { Region } from "../../www/document/regions.js";

export const [WIDTH, HEIGHT] = [40, 30];

/** A region drawn with # for its pixels. */
export function region(...rows: string[]): Region {
  const bits = Uint8Array.from(rows.join(""), (sign) => Number(sign === "#"));
  return { x0: 0, y0: 0, width: rows[0].length, height: rows.length, bits };
}

export function drawn({ width, bits }: Region) {
  const signs = Array.from(bits, (bit) => (bit ? "#" : ".")).join("");
  return signs.match(new RegExp(`.{${width}}`, "g"));
}
