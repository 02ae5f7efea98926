// The canvas: image, labels, mask, prompts, crosshair and brush, with fit and zoom.

import { maskColours, Overlay, previewColours } from "./overlay.js";

const POSITIVE = "#1f9d55";
const NEGATIVE = "#d6333f";
const BOX = "#ffb020";
const LARGEST_SCALE = 64;

/** @typedef {import("./colours.js").Colours} Colours */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box */

/** @param {number} width @param {number} height @param {Uint8ClampedArray<ArrayBuffer>} pixels */
function toCanvas(width, height, pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

export class Viewer {
  canvas;
  width = 0;
  height = 0;
  /** CSS pixels per image pixel, and the image's origin in the canvas box. */
  scale = 1;
  offset = { x: 0, y: 0 };

  #context;
  /** @type {HTMLCanvasElement | undefined} */
  #image;
  /** @type {Overlay | undefined} */
  #mask;
  #maskShown = true;
  /** @type {Overlay | undefined} */
  #preview;
  /** @type {Overlay | undefined} */
  #labels;
  #labelsShown = true;
  /** @type {{x: number, y: number, diameter: number} | undefined} */
  #brush;
  /** @type {Point[]} */
  #line = [];
  /** @type {Prompt[]} */
  #prompts = [];
  #answered = 0;
  /** @type {Point | undefined} */
  #crosshair;
  /** @type {Box | undefined} */
  #band;
  #fitted = true;
  /** Zooms and moves along. @type {Viewer | undefined} */
  #linked;
  #frame = 0;
  /** Grows with the page's text. */
  #markRadius = 8;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser gives the page no canvas to draw on; try another one.");
    this.#context = context;
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** @param {number} width @param {number} height of a new image; it is fitted to the canvas */
  setSize(width, height) {
    this.width = width;
    this.height = height;
    this.#image = undefined;
    this.#mask = undefined;
    this.#preview = undefined;
    this.#labels = undefined;
    this.fit();
  }

  /** @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA of the image's size */
  setPixels(pixels) {
    this.#image = toCanvas(this.width, this.height, pixels);
    this.#invalidate();
  }

  /** Zooms and moves together with another viewer of the same size. @param {Viewer} other */
  link(other) {
    this.#linked = other;
    other.#linked = this;
  }

  /** Shows the image that another viewer shows. @param {Viewer} other */
  takeImage(other) {
    if (this.width !== other.width || this.height !== other.height) this.#mask = undefined;
    this.width = other.width;
    this.height = other.height;
    this.#image = other.#image;
    this.takeView(other);
  }

  /** @param {Uint8Array | null} mask it is not copied: call maskChanged when it changes */
  setMask(mask) {
    if (!mask) this.#mask = undefined;
    else if (this.#mask) this.#mask.replace(mask);
    else this.#mask = new Overlay(mask, this.width, this.height, maskColours);
    this.#invalidate();
  }

  /** @param {Uint8Array | null} mask what a click where the pointer is would give */
  setPreview(mask) {
    if (!mask) this.#preview = undefined;
    else if (this.#preview) this.#preview.replace(mask);
    else this.#preview = new Overlay(mask, this.width, this.height, previewColours);
    this.#invalidate();
  }

  /** @param {PixelBox} box */
  maskChanged(box) {
    this.#mask?.paint(box);
    this.#invalidate();
  }

  /**
   * @param {Uint32Array} ids they are not copied: call labelsChanged when they or their colours change
   * @param {(id: number) => Colours | undefined} coloursOf undefined: not shown
   */
  setLabels(ids, coloursOf) {
    this.#labels = new Overlay(ids, this.width, this.height, coloursOf);
    this.#invalidate();
  }

  /** @param {PixelBox} box */
  labelsChanged(box) {
    this.#labels?.paint(box);
    this.#invalidate();
  }

  /** @param {boolean} shown */
  showLabels(shown) {
    this.#labelsShown = shown;
    this.#invalidate();
  }

  /** The circle that the brush would paint, in image pixels. @param {{x: number, y: number, diameter: number} | undefined} brush */
  setBrush(brush) {
    if (!brush && !this.#brush) return;
    this.#brush = brush;
    this.#invalidate();
  }

  /** What a polygon or a cut has so far, in image pixels. @param {Point[]} corners */
  setLine(corners) {
    if (corners.length === 0 && this.#line.length === 0) return;
    this.#line = [...corners];
    this.#invalidate();
  }

  /** @param {boolean} shown */
  showMask(shown) {
    this.#maskShown = shown;
    this.#invalidate();
  }

  /** @param {Prompt[]} prompts @param {number} answered those after the first `answered` still wait */
  setPrompts(prompts, answered) {
    this.#prompts = prompts;
    this.#answered = answered;
    this.#invalidate();
  }

  /** @param {Point | undefined} point */
  setCrosshair(point) {
    this.#crosshair = point;
    if (point) this.#reveal(point);
    this.#invalidate();
  }

  /** @param {Box | undefined} box the box being drawn */
  setBand(box) {
    this.#band = box;
    this.#invalidate();
  }

  /** The whole image, centred. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!this.width || !clientWidth || !clientHeight) return;
    const margin = 16;
    this.scale = Math.min(
      Math.max(1, clientWidth - margin) / this.width,
      Math.max(1, clientHeight - margin) / this.height,
      LARGEST_SCALE,
    );
    this.offset = {
      x: (clientWidth - this.width * this.scale) / 2,
      y: (clientHeight - this.height * this.scale) / 2,
    };
    this.#fitted = true;
    this.#invalidate();
    this.#linked?.takeView(this);
  }

  /** Zooms and keeps what is at (x, y) of the canvas box in place. @param {number} factor @param {number} [x] @param {number} [y] */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.width) return;
    const smallest = 16 / Math.max(this.width, this.height);
    const scale = Math.min(LARGEST_SCALE, Math.max(smallest, this.scale * factor));
    const ratio = scale / this.scale;
    this.scale = scale;
    this.pan((x - this.offset.x) * (1 - ratio), (y - this.offset.y) * (1 - ratio));
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    this.#fitted = false;
    this.offset = { x: this.offset.x + dx, y: this.offset.y + dy };
    this.#invalidate();
    this.#linked?.takeView(this);
  }

  /** Zooms and moves to where another viewer is. @param {Viewer} other */
  takeView(other) {
    this.scale = other.scale;
    this.offset = other.offset;
    this.#fitted = other.#fitted;
    this.#invalidate();
  }

  /** Image coordinates of a pointer event. @param {{clientX: number, clientY: number}} event @returns {Point} */
  toImage({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: (clientX - box.left - this.offset.x) / this.scale,
      y: (clientY - box.top - this.offset.y) / this.scale,
    };
  }

  /** @param {Point} point */
  contains({ x, y }) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /** @param {Point} point @returns {Point} */
  clamp({ x, y }) {
    return { x: Math.min(this.width, Math.max(0, x)), y: Math.min(this.height, Math.max(0, y)) };
  }

  /** Pans so that the point is in view. @param {Point} point */
  #reveal({ x, y }) {
    const margin = 24;
    const outside = (/** @type {number} */ at, /** @type {number} */ size) =>
      Math.max(0, margin - at) - Math.max(0, at - (size - margin));
    const dx = outside(this.offset.x + x * this.scale, this.canvas.clientWidth);
    const dy = outside(this.offset.y + y * this.scale, this.canvas.clientHeight);
    if (!this.#fitted && (dx || dy)) this.pan(dx, dy);
  }

  #resize() {
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.#markRadius = parseFloat(getComputedStyle(document.documentElement).fontSize) / 2;
    if (this.#fitted) this.fit();
    this.#draw();
  }

  #invalidate() {
    const { dataset } = this.canvas;
    dataset.scale = String(this.scale);
    dataset.offsetX = String(this.offset.x);
    dataset.offsetY = String(this.offset.y);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.#context;
    const ratio = window.devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.#image) return;
    context.setTransform(ratio, 0, 0, ratio, this.offset.x * ratio, this.offset.y * ratio);
    // Pixels stay sharp when magnified.
    context.imageSmoothingEnabled = this.scale * ratio < 1;
    context.imageSmoothingQuality = "high";
    const size = /** @type {const} */ ([this.width * this.scale, this.height * this.scale]);
    context.drawImage(this.#image, 0, 0, ...size);
    // They change under the brush, and a better quality would work through all of a large image each time.
    context.imageSmoothingQuality = "low";
    for (const layer of [this.#labelsShown && this.#labels, this.#preview, this.#maskShown && this.#mask]) {
      if (layer) context.drawImage(layer.canvas, 0, 0, ...size);
    }
    this.#prompts.forEach((prompt, i) => this.#drawPrompt(prompt, i < this.#answered));
    if (this.#band) this.#drawBox(this.#band, true);
    if (this.#crosshair) this.#drawCrosshair(this.#crosshair);
    if (this.#brush) this.#drawBrush(this.#brush);
    if (this.#line.length > 0) this.#drawLine(this.#line);
  }

  /** @param {Point[]} corners */
  #drawLine(corners) {
    const path = new Path2D();
    for (const { x, y } of corners) path.lineTo(x * this.scale, y * this.scale);
    const [{ x, y }] = corners;
    path.rect(x * this.scale - 3, y * this.scale - 3, 6, 6);
    this.#strokeOnHalo(path, BOX, 2, []);
  }

  /** @param {{x: number, y: number, diameter: number}} brush */
  #drawBrush({ x, y, diameter }) {
    const path = new Path2D();
    path.arc(x * this.scale, y * this.scale, Math.max(1, (diameter / 2) * this.scale), 0, 2 * Math.PI);
    this.#strokeOnHalo(path, "#fff", 1, []);
  }

  /** @param {Prompt} prompt @param {boolean} answered */
  #drawPrompt(prompt, answered) {
    if (prompt.kind === "box") this.#drawBox(prompt, !answered);
    else this.#drawPoint(prompt, answered);
  }

  /** @param {PointPrompt} point @param {boolean} answered */
  #drawPoint({ x, y, positive }, answered) {
    const context = this.#context;
    const [cx, cy] = [x * this.scale, y * this.scale];
    const radius = this.#markRadius;
    context.globalAlpha = answered ? 1 : 0.6;
    context.beginPath();
    context.arc(cx, cy, radius, 0, 2 * Math.PI);
    context.fillStyle = positive ? POSITIVE : NEGATIVE;
    context.fill();
    const arm = radius / 2;
    const sign = new Path2D(`M${cx - arm} ${cy}H${cx + arm}`);
    if (positive) sign.addPath(new Path2D(`M${cx} ${cy - arm}V${cy + arm}`));
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.stroke();
    context.stroke(sign);
    context.globalAlpha = 1;
  }

  /** @param {Box} box @param {boolean} dashed */
  #drawBox({ x0, y0, x1, y1 }, dashed) {
    const path = new Path2D();
    path.rect(x0 * this.scale, y0 * this.scale, (x1 - x0) * this.scale, (y1 - y0) * this.scale);
    this.#strokeOnHalo(path, BOX, 2, dashed ? [6, 4] : []);
  }

  /** @param {Point} point */
  #drawCrosshair({ x, y }) {
    const [cx, cy] = [x * this.scale, y * this.scale];
    const path = new Path2D(
      `M${cx - 18} ${cy}H${cx - 4}M${cx + 4} ${cy}H${cx + 18}M${cx} ${cy - 18}V${cy - 4}M${cx} ${cy + 4}V${cy + 18}`,
    );
    this.#strokeOnHalo(path, "#fff", 2, []);
  }

  /** Readable on dark and on bright. @param {Path2D} path @param {string} colour @param {number} width @param {number[]} dash */
  #strokeOnHalo(path, colour, width, dash) {
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
