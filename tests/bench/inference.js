// What the measurements of encoder and decoder have in common.

import { median } from "./chromium.js";

/** @typedef {{encoder: number[], decoder: number[]}} Seconds of each run */

/** Options of the command line: how often each is run, after once that does not count. */
export const COUNTS = /** @type {const} */ ({
  encodings: { type: "string", default: "3" },
  clicks: { type: "string", default: "11" },
});

/** Prints {"encoder_s": …, "decoder_s": …}, the medians; what was not run is left out. @param {Seconds} seconds */
export function printMedians({ encoder, decoder }) {
  const figure = (/** @type {number[]} */ seconds) => (seconds.length > 0 ? median(seconds) : undefined);
  console.log(JSON.stringify({ encoder_s: figure(encoder), decoder_s: figure(decoder) }));
}
