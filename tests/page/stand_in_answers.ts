// What a model might answer: simple shapes, so that the same prompts give the same mask.

import { areaOf } from "../../www/document/mask_region.js";
import type { MaskRegion } from "../../www/document/types.js";
import type { ImageInfo, Part, Prediction, Prompt, PromptRound } from "../../www/engine/graysam.js";

export function infoOf(width: number, height: number): ImageInfo {
  return {
    width,
    height,
    kind: "8-bit grayscale",
    min: 3,
    max: 250,
    low: 10,
    high: 240,
    full_min: 0,
    full_max: 255,
    histogram: [],
    page: 0,
    pages: 1,
    window: null,
    invert: false,
    pixel_size: null,
    channels: [""],
    axes: null,
    place: null,
    voi: [],
  };
}

/** A whole image, as a part of it. */
export function wholeOf(width: number, height: number): Part {
  return { x: 0, y: 0, width, height };
}

/** Three candidates for a single point, else one. @param part of the image that was looked at */
export function predictionOf(rounds: readonly PromptRound[], mask: MaskRegion, part: Part): Prediction {
  const single = rounds.length === 1 && rounds[0].prompt.kind === "point";
  const best = single ? 1 : 0;
  const selected = rounds.at(-1)?.candidate ?? best;
  return { ious: single ? [0.7, 0.9, 0.8] : [0.6], selected, area: areaOf(mask), part };
}

/** @param growth how much larger the shapes are than those of another decoder */
export function maskOf(rounds: readonly PromptRound[], width: number, height: number, growth = 0) {
  const mask = new Uint8Array(width * height);
  for (const { prompt, candidate } of rounds) {
    const inside = shapeOf(prompt, 1 + (candidate ?? 1) + growth);
    const value = prompt.kind === "point" && !prompt.positive ? 0 : 255;
    for (let i = 0; i < mask.length; i++) if (inside(i % width, Math.floor(i / width))) mask[i] = value;
  }
  return mask;
}

function shapeOf(prompt: Prompt, radius: number): (x: number, y: number) => boolean {
  if (prompt.kind === "point") return (x, y) => Math.hypot(x + 0.5 - prompt.x, y + 0.5 - prompt.y) <= radius;
  const { x0, y0, x1, y1 } = prompt;
  const inBox = (x: number, y: number) => x >= x0 && y >= y0 && x < x1 && y < y1;
  if (prompt.kind === "box") return inBox;
  const bits = prompt.runs.flatMap((length, i) => Array<boolean>(length).fill(i % 2 === 1));
  return (x, y) => inBox(x, y) && bits[(y - y0) * (x1 - x0) + x - x0];
}
