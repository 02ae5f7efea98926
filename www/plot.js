// A plot of a training: the loss as a faint line, the held-out mean IoUs as lines with the untouched decoder's
// dashed.

import { colourOf, onLook } from "./look.js";

/** @typedef {{name: string, colour: string, value: (scores: StepScores) => number}} Series */

/** Named as the legend has them; colours are custom properties of the page. @type {Series[]} */
const SERIES = [
  { name: "point", colour: "--plot-point", value: ({ point_iou }) => point_iou },
  { name: "box", colour: "--plot-box", value: ({ box_iou }) => box_iou },
];
const MARGIN = { left: 3.1, right: 2.7, top: 0.8, bottom: 1.7 };

/** Round numbers that divide a range into about so many parts. @param {number} low @param {number} high @param {number} parts */
function ticks(low, high, parts) {
  const rough = (high - low) / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
  return { values, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** The plot in words. @param {TrainingInfo} info */
export function describePlot({ losses, scores }) {
  if (scores.length === 0) return "Plot of the training: nothing is judged yet.";
  const [untouched, last] = [scores[0], scores[scores.length - 1]];
  const parts = SERIES.map(({ name, value }) => {
    const now = scores.length > 1 ? `, ${value(last).toFixed(3)} after step ${last.step}` : "";
    return `from a ${name} ${value(untouched).toFixed(3)} untouched${now}`;
  });
  const at = losses.findLastIndex((loss) => loss !== null);
  const lossText = at < 0 ? "" : ` Loss ${Number(losses[at]).toFixed(3)} at step ${at + 1}.`;
  return `Plot of the training. Held-out mean IoU: ${parts.join("; ")}.${lossText}`;
}

export class Plot {
  #canvas;
  /** @type {TrainingInfo | undefined} */
  #info;
  #drawn = "";

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    onLook(() => this.#draw());
  }

  /** @param {TrainingInfo | undefined} info */
  show(info) {
    const words = info ? describePlot(info) : "";
    if (info === this.#info && words === this.#drawn) return;
    this.#info = info;
    this.#drawn = words;
    if (!info) return;
    this.#canvas.ariaLabel = words;
    this.#draw();
  }

  #draw() {
    const [canvas, info] = [this.#canvas, this.#info];
    const context = canvas.getContext("2d");
    const { clientWidth, clientHeight } = canvas;
    if (!context || !info || !clientWidth) return;
    canvas.width = Math.round(clientWidth * devicePixelRatio);
    canvas.height = Math.round(clientHeight * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(canvas);
    const size = parseFloat(style.fontSize);
    context.font = `${size}px ${style.fontFamily}`;
    const area = {
      x: MARGIN.left * size,
      y: MARGIN.top * size,
      width: clientWidth - (MARGIN.left + MARGIN.right) * size,
      height: clientHeight - (MARGIN.top + MARGIN.bottom) * size,
    };
    new Drawing(context, area, (name) => colourOf(canvas, name), info).draw();
  }
}

/** One drawing of the plot, in CSS pixels. */
class Drawing {
  #context;
  #area;
  #colour;
  #info;

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {{x: number, y: number, width: number, height: number}} area within the axes
   * @param {(name: string) => string} colour of a custom property
   * @param {TrainingInfo} info
   */
  constructor(context, area, colour, info) {
    this.#context = context;
    this.#area = area;
    this.#colour = colour;
    this.#info = info;
  }

  draw() {
    this.#drawSteps();
    this.#drawLosses();
    this.#drawScores();
  }

  /** @param {number} step */
  #x(step) {
    return this.#area.x + (step / this.#info.settings.steps) * this.#area.width;
  }

  /** @param {number} value @param {[number, number]} range */
  #y(value, [low, high]) {
    return this.#area.y + this.#area.height * (1 - (value - low) / (high - low));
  }

  /** @param {string} text @param {number} x @param {number} y @param {CanvasTextAlign} align */
  #label(text, x, y, align) {
    this.#context.textAlign = align;
    this.#context.textBaseline = "middle";
    this.#context.fillText(text, x, y);
  }

  #drawSteps() {
    const { x, y, width, height } = this.#area;
    const { steps } = this.#info.settings;
    const gap = y * 0.6;
    this.#context.fillStyle = this.#colour("--quiet");
    const { values } = ticks(0, steps, 4);
    for (const step of values.filter(Number.isInteger)) {
      const text = step === 0 ? "step 0" : String(step);
      this.#label(text, this.#x(step), y + height + 2 * gap, step === 0 ? "left" : step === steps ? "right" : "center");
    }
    this.#line([[x, y + height], [x + width, y + height]], this.#colour("--line"), 1);
  }

  #drawLosses() {
    const losses = this.#info.losses.flatMap((loss, i) => (loss === null ? [] : [{ loss, step: i + 1 }]));
    if (losses.length === 0) return;
    // From zero, so that a flat loss looks flat.
    const high = Math.max(...losses.map(({ loss }) => loss)) * 1.05 || 1;
    const range = /** @type {[number, number]} */ ([0, high]);
    const { values, digits } = ticks(0, high, 3);
    this.#context.fillStyle = this.#colour("--plot-loss");
    const { x, width, y } = this.#area;
    for (const value of values) this.#label(value.toFixed(digits), x + width + y * 0.5, this.#y(value, range), "left");
    const points = losses.map(({ loss, step }) => [this.#x(step), this.#y(loss, range)]);
    this.#line(points, this.#colour("--plot-loss"), 1);
  }

  #drawScores() {
    const { scores } = this.#info;
    if (scores.length === 0) return;
    const all = scores.flatMap((score) => SERIES.map(({ value }) => value(score)));
    const margin = Math.max(0.01, (Math.max(...all) - Math.min(...all)) * 0.15);
    const range = /** @type {[number, number]} */ ([
      Math.max(0, Math.min(...all) - margin),
      Math.min(1, Math.max(...all) + margin),
    ]);
    const { x, y, width } = this.#area;
    const { values, digits } = ticks(...range, 4);
    this.#context.fillStyle = this.#colour("--quiet");
    for (const value of values) {
      const at = this.#y(value, range);
      this.#label(value.toFixed(digits), x - y * 0.5, at, "right");
      this.#line([[x, at], [x + width, at]], this.#colour("--line"), 0.5);
    }
    for (const { colour, value } of SERIES) {
      const untouched = this.#y(value(scores[0]), range);
      this.#line([[x, untouched], [x + width, untouched]], this.#colour(colour), 1, [4, 4]);
      this.#series(scores.map((score) => [this.#x(score.step), this.#y(value(score), range)]), this.#colour(colour));
    }
  }

  /** @param {number[][]} points @param {string} colour */
  #series(points, colour) {
    this.#line(points, colour, 2);
    this.#context.fillStyle = colour;
    for (const [x, y] of points) {
      this.#context.beginPath();
      this.#context.arc(x, y, 2.5, 0, 2 * Math.PI);
      this.#context.fill();
    }
  }

  /** @param {number[][]} points @param {string} colour @param {number} width @param {number[]} [dash] */
  #line(points, colour, width, dash = []) {
    const context = this.#context;
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }
}
