// The scale bar in the canvas's lower left corner.

import type { ScaleBar } from "../document/scale.js";

/** Of the longest bar, in CSS pixels. */
export const LONGEST_BAR = 140;
const MARGIN = 14;
const PADDING = 6;
const THICKNESS = 4;

/** @param context its origin is the canvas's, its unit a CSS pixel @param scale CSS pixels per image pixel @param height of the canvas */
export function drawScaleBar(context: CanvasRenderingContext2D, { length, text }: ScaleBar, scale: number, height: number) {
  const fontSize = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8;
  const width = length * scale;
  context.font = `${fontSize}px sans-serif`;
  const space = Math.max(width, context.measureText(text).width);
  const bottom = height - MARGIN;
  const top = bottom - fontSize - THICKNESS - 3 * PADDING;
  // It is seen on bright and on dark images.
  context.fillStyle = "rgb(0 0 0 / 65%)";
  context.fillRect(MARGIN, top, space + 2 * PADDING, bottom - top);
  context.fillStyle = "#fff";
  context.textBaseline = "top";
  context.fillText(text, MARGIN + PADDING, top + PADDING);
  context.fillRect(MARGIN + PADDING, bottom - PADDING - THICKNESS, width, THICKNESS);
}
