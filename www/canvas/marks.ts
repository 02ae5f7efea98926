// What is drawn over the image at the screen's scale: prompts, crosshair, brush and lines.

import type { Box, Point } from "../document/geometry.js";
import type { PointPrompt } from "../document/types.js";
import type { Prompt } from "../engine/graysam.js";

const POSITIVE = "#1f9d55";
const NEGATIVE = "#d6333f";
const BOX = "#ffb020";

/** The circle that the brush would paint, in image pixels. */
export interface BrushMark extends Point {
  diameter: number;
}

export class Marks {
  /** CSS pixels per image pixel. */
  scale = 1;
  #context;
  /** Of points. */
  #radius = 8;

  /** @param context its origin is the image's, its unit a CSS pixel */
  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
  }

  /** Scales points with the page's text. */
  fitText() {
    this.#radius = parseFloat(getComputedStyle(document.documentElement).fontSize) / 2;
  }

  prompt(prompt: Prompt, answered: boolean) {
    if (prompt.kind === "point") this.#point(prompt, answered);
    else this.box(prompt, !answered);
  }

  box(box: Box, dashed: boolean) {
    this.#strokeOnHalo(this.#outline(box), BOX, 2, dashed ? [6, 4] : []);
  }

  /** Where the model looks. */
  frame(box: Box) {
    const context = this.#context;
    context.globalAlpha = 0.55;
    this.#strokeOnHalo(this.#outline(box), "#fff", 1, [3, 5]);
    context.globalAlpha = 1;
  }

  crosshair({ x, y }: Point) {
    const [cx, cy] = [x * this.scale, y * this.scale];
    const path = new Path2D(`M${cx - 18} ${cy}H${cx - 4}M${cx + 4} ${cy}H${cx + 18}M${cx} ${cy - 18}V${cy - 4}M${cx} ${cy + 4}V${cy + 18}`);
    this.#strokeOnHalo(path, "#fff", 2, []);
  }

  brush({ x, y, diameter }: BrushMark) {
    const path = new Path2D();
    path.arc(x * this.scale, y * this.scale, Math.max(1, (diameter / 2) * this.scale), 0, 2 * Math.PI);
    this.#strokeOnHalo(path, "#fff", 1, []);
  }

  line(corners: readonly Point[]) {
    const path = new Path2D();
    for (const { x, y } of corners) path.lineTo(x * this.scale, y * this.scale);
    const [{ x, y }] = corners;
    path.rect(x * this.scale - 3, y * this.scale - 3, 6, 6);
    this.#strokeOnHalo(path, BOX, 2, []);
  }

  /** A dashed outline. @param fill of what it encloses */
  outline(path: Path2D, colour: string, width: number, fill: string) {
    this.#context.fillStyle = fill;
    this.#context.fill(path, "evenodd");
    this.#strokeOnHalo(path, colour, width, [5, 4]);
  }

  #point({ x, y, positive }: PointPrompt, answered: boolean) {
    const context = this.#context;
    const [cx, cy] = [x * this.scale, y * this.scale];
    context.globalAlpha = answered ? 1 : 0.6;
    context.beginPath();
    context.arc(cx, cy, this.#radius, 0, 2 * Math.PI);
    context.fillStyle = positive ? POSITIVE : NEGATIVE;
    context.fill();
    const arm = this.#radius / 2;
    const sign = new Path2D(`M${cx - arm} ${cy}H${cx + arm}`);
    if (positive) sign.addPath(new Path2D(`M${cx} ${cy - arm}V${cy + arm}`));
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.stroke();
    context.stroke(sign);
    context.globalAlpha = 1;
  }

  #outline({ x0, y0, x1, y1 }: Box) {
    const path = new Path2D();
    path.rect(x0 * this.scale, y0 * this.scale, (x1 - x0) * this.scale, (y1 - y0) * this.scale);
    return path;
  }

  /** Readable on dark and on bright. */
  #strokeOnHalo(path: Path2D, colour: string, width: number, dash: number[]) {
    const context = this.#context;
    context.strokeStyle = "rgb(0 0 0 / 0.65)";
    context.lineWidth = width + 2;
    context.stroke(path);
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(path);
    context.setLineDash([]);
  }
}
