// The canvas: image, labels, mask, prompts, crosshair and brush, with fit and zoom.

import { ImageLayer } from "./image_layer.js";
import { Marks } from "./marks.js";
import { maskColours, Overlay, previewColours } from "./overlay.js";
import { Allowance, TiledLayer } from "./tiled_layer.js";

const LARGEST_SCALE = 64;
/** Milliseconds of a frame in which tiles are painted. */
const PAINTING = 8;

/** @typedef {import("./colours.js").Colours} Colours */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box */

export class Viewer {
  canvas;
  width = 0;
  height = 0;
  /** CSS pixels per image pixel, and the image's origin in the canvas box. */
  scale = 1;
  offset = { x: 0, y: 0 };

  #context;
  #marks;
  /** @type {ImageLayer | undefined} */
  #image;
  /** @type {TiledLayer | undefined} */
  #mask;
  #maskShown = true;
  /** @type {TiledLayer | undefined} */
  #preview;
  /** @type {TiledLayer | undefined} */
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

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser gives the page no canvas to draw on; try another one.");
    this.#context = context;
    this.#marks = new Marks(context);
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

  /** @param {RenderedImage} rendered of the image's size */
  setPixels(rendered) {
    this.#image ??= new ImageLayer(this.width, this.height);
    this.#image.setPixels(rendered);
    this.#invalidate();
  }

  /** Of the image, to be shown in another display until all pixels are set. @returns {ImagePart | undefined} undefined: not worth it */
  get part() {
    return this.#image?.partIn(this.#view);
  }

  /** @param {RenderedImage} rendered one plane of the part @param {ImagePart} part */
  setPart(rendered, part) {
    this.#image?.setPart(rendered, part);
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
    this.#mask = this.#painted(this.#mask, mask && new Overlay(mask, this.width, this.height, maskColours));
  }

  /** @param {Uint8Array | null} mask what a click where the pointer is would give */
  setPreview(mask) {
    this.#preview = this.#painted(this.#preview, mask && new Overlay(mask, this.width, this.height, previewColours));
  }

  /** @param {PixelBox} box */
  maskChanged(box) {
    this.#mask?.invalidate(box);
    this.#invalidate();
  }

  /**
   * @param {Uint32Array} ids they are not copied: call labelsChanged when they or their colours change
   * @param {(id: number) => Colours | undefined} coloursOf undefined: not shown
   */
  setLabels(ids, coloursOf) {
    this.#labels = this.#painted(this.#labels, new Overlay(ids, this.width, this.height, coloursOf));
  }

  /** @param {PixelBox} box */
  labelsChanged(box) {
    this.#labels?.invalidate(box);
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

  /** A pixel of the image on each of the screen; the middle stays in place to half a pixel. */
  zoomActual() {
    const ratio = window.devicePixelRatio;
    this.zoom(1 / ratio / this.scale);
    const { x, y } = this.offset;
    this.pan(Math.round(x * ratio) / ratio - x, Math.round(y * ratio) / ratio - y);
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

  /** @returns {import("./tiled_layer.js").View} */
  get #view() {
    const ratio = window.devicePixelRatio;
    const { width, height } = this.canvas;
    return { scale: this.scale * ratio, x: this.offset.x * ratio, y: this.offset.y * ratio, width, height };
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
    this.#marks.fitText();
    if (this.#fitted) this.fit();
    this.#draw();
  }

  /**
   * The layer with another picture.
   * @param {TiledLayer | undefined} layer @param {import("./tiled_layer.js").Painter | null} painter
   */
  #painted(layer, painter) {
    this.#invalidate();
    if (!painter) return undefined;
    if (!layer) return new TiledLayer(this.width, this.height, painter);
    layer.replace(painter);
    return layer;
  }

  #invalidate() {
    const { dataset } = this.canvas;
    dataset.complete = "false";
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
    const view = this.#view;
    // Pixels stay sharp when magnified.
    context.imageSmoothingEnabled = view.scale < 1;
    const allowance = new Allowance(PAINTING);
    let complete = true;
    for (const layer of [this.#image, this.#labelsShown && this.#labels, this.#preview, this.#maskShown && this.#mask]) {
      if (layer && !layer.draw(context, view, allowance)) complete = false;
    }
    context.setTransform(ratio, 0, 0, ratio, view.x, view.y);
    this.#drawMarks();
    if (!complete) this.#invalidate();
    else this.canvas.dataset.complete = "true";
  }

  #drawMarks() {
    const marks = this.#marks;
    marks.scale = this.scale;
    this.#prompts.forEach((prompt, i) => marks.prompt(prompt, i < this.#answered));
    if (this.#band) marks.box(this.#band, true);
    if (this.#crosshair) marks.crosshair(this.#crosshair);
    if (this.#brush) marks.brush(this.#brush);
    if (this.#line.length > 0) marks.line(this.#line);
  }
}
