// A plot of a training: the loss as a faint line, the held-out mean IoUs as lines with the untouched decoder's dashed.

import type { Evaluation, TrainingInfo } from "../engine/graysam.js";
import { colourOf, onLook } from "./look.js";

interface Series {
  /** As in the legend. */
  name: string;
  /** A custom property of the page. */
  colour: string;
  value: (evaluation: Evaluation) => number;
}

type Range = [low: number, high: number];
type PlotPoint = [x: number, y: number];

const SERIES: Series[] = [
  { name: "point", colour: "--plot-point", value: ({ point_iou }) => point_iou },
  { name: "box", colour: "--plot-box", value: ({ box_iou }) => box_iou },
];
/** In the text's size. */
const MARGIN = { left: 3.1, right: 2.7, top: 0.8, bottom: 1.7 };

/** Round numbers that divide a range into about so many parts. */
function ticks([low, high]: Range, parts: number) {
  const rough = (high - low) / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const values: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(i * step);
  return { values, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** The plot in words. */
export function describePlot({ losses, evaluations }: TrainingInfo) {
  if (evaluations.length === 0) return "Plot of the training: nothing has been evaluated yet.";
  const [untouched, last] = [evaluations[0], evaluations[evaluations.length - 1]];
  const parts = SERIES.map(({ name, value }) => {
    const now = evaluations.length > 1 ? `, ${value(last).toFixed(3)} after step ${last.step}` : "";
    return `from a ${name} ${value(untouched).toFixed(3)} untouched${now}`;
  });
  const at = losses.findLastIndex((loss) => loss !== null);
  const lossText = at < 0 ? "" : ` Loss ${Number(losses[at]).toFixed(3)} at step ${at + 1}.`;
  return `Plot of the training. Held-out mean IoU: ${parts.join("; ")}.${lossText}`;
}

export class Plot {
  #canvas;
  #info: TrainingInfo | undefined;
  #description = "";

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    onLook(() => this.#draw());
  }

  show(info: TrainingInfo | undefined) {
    const description = info ? describePlot(info) : "";
    if (info === this.#info && description === this.#description) return;
    this.#info = info;
    this.#description = description;
    if (!info) return;
    this.#canvas.ariaLabel = description;
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
   * @param area within the axes
   * @param colour of a custom property
   */
  constructor(
    context: CanvasRenderingContext2D,
    area: { x: number; y: number; width: number; height: number },
    colour: (name: string) => string,
    info: TrainingInfo,
  ) {
    this.#context = context;
    this.#area = area;
    this.#colour = colour;
    this.#info = info;
  }

  draw() {
    this.#drawSteps();
    this.#drawLosses();
    this.#drawEvaluations();
  }

  #x(step: number) {
    return this.#area.x + (step / this.#info.settings.steps) * this.#area.width;
  }

  #y(value: number, [low, high]: Range) {
    return this.#area.y + this.#area.height * (1 - (value - low) / (high - low));
  }

  #label(text: string, x: number, y: number, align: CanvasTextAlign) {
    this.#context.textAlign = align;
    this.#context.textBaseline = "middle";
    this.#context.fillText(text, x, y);
  }

  #drawSteps() {
    const { x, y, width, height } = this.#area;
    const { steps } = this.#info.settings;
    const gap = y * 0.6;
    this.#context.fillStyle = this.#colour("--quiet");
    const { values } = ticks([0, steps], 4);
    for (const step of values.filter(Number.isInteger)) {
      const text = step === 0 ? "step 0" : String(step);
      this.#label(text, this.#x(step), y + height + 2 * gap, step === 0 ? "left" : step === steps ? "right" : "center");
    }
    this.#horizontal(y + height, this.#colour("--line"), 1);
  }

  #drawLosses() {
    const losses = this.#info.losses.flatMap((loss, i) => (loss === null ? [] : [{ loss, step: i + 1 }]));
    if (losses.length === 0) return;
    // From zero, so that a flat loss looks flat.
    const range: Range = [0, Math.max(...losses.map(({ loss }) => loss)) * 1.05 || 1];
    const { values, digits } = ticks(range, 3);
    this.#context.fillStyle = this.#colour("--plot-loss");
    const { x, width, y } = this.#area;
    for (const value of values) this.#label(value.toFixed(digits), x + width + y * 0.5, this.#y(value, range), "left");
    const points = losses.map(({ loss, step }): PlotPoint => [this.#x(step), this.#y(loss, range)]);
    this.#line(points, this.#colour("--plot-loss"), 1);
  }

  #drawEvaluations() {
    const { evaluations } = this.#info;
    if (evaluations.length === 0) return;
    const all = evaluations.flatMap((evaluation) => SERIES.map(({ value }) => value(evaluation)));
    const margin = Math.max(0.01, (Math.max(...all) - Math.min(...all)) * 0.15);
    const range: Range = [Math.max(0, Math.min(...all) - margin), Math.min(1, Math.max(...all) + margin)];
    const { x, y } = this.#area;
    const { values, digits } = ticks(range, 4);
    this.#context.fillStyle = this.#colour("--quiet");
    for (const value of values) {
      const at = this.#y(value, range);
      this.#label(value.toFixed(digits), x - y * 0.5, at, "right");
      this.#horizontal(at, this.#colour("--line"), 0.5);
    }
    for (const { colour, value } of SERIES) {
      this.#horizontal(this.#y(value(evaluations[0]), range), this.#colour(colour), 1, [4, 4]);
      const points = evaluations.map((evaluation): PlotPoint => [this.#x(evaluation.step), this.#y(value(evaluation), range)]);
      this.#series(points, this.#colour(colour));
    }
  }

  #series(points: PlotPoint[], colour: string) {
    this.#line(points, colour, 2);
    this.#context.fillStyle = colour;
    for (const [x, y] of points) {
      this.#context.beginPath();
      this.#context.arc(x, y, 2.5, 0, 2 * Math.PI);
      this.#context.fill();
    }
  }

  /** A line across the plot. */
  #horizontal(y: number, colour: string, width: number, dash: number[] = []) {
    const { x, width: length } = this.#area;
    this.#line(
      [
        [x, y],
        [x + length, y],
      ],
      colour,
      width,
      dash,
    );
  }

  #line(points: PlotPoint[], colour: string, width: number, dash: number[] = []) {
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
