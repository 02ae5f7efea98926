// The canvas: image, labels, mask, prompts, crosshair and brush, with fit and zoom.

import { type Box, intersection, type PixelBox, type Point } from "../document/geometry.js";
import type { ImagePart, RenderedImage } from "../document/rendering.js";
import { scaleBarOf } from "../document/scale.js";
import type { Suggestion } from "../document/suggestion.js";
import type { MaskRegion } from "../document/types.js";
import type { PixelSize, Prompt } from "../engine/graysam.js";
import { ImageLayer } from "./image_layer.js";
import { type BrushMark, Marks } from "./marks.js";
import { maskPaint, Overlay, previewPaint } from "./overlay.js";
import type { Paint } from "./paint.js";
import { drawScaleBar, LONGEST_BAR } from "./scale_bar.js";
import { SuggestionLayer } from "./suggestion_layer.js";
import { Allowance, type Painter, TiledLayer, type View } from "./tiled_layer.js";

const LARGEST_SCALE = 64;
/** Milliseconds of a frame in which tiles are painted. */
const PAINTING = 8;

export class Viewer {
  readonly canvas: HTMLCanvasElement;
  width = 0;
  height = 0;
  /** CSS pixels per image pixel. */
  scale = 1;
  /** The image's origin in the canvas box, in CSS pixels. */
  offset: Point = { x: 0, y: 0 };

  #context;
  #marks;
  #image: ImageLayer | undefined;
  #mask: TiledLayer | undefined;
  #preview: TiledLayer | undefined;
  #labels: TiledLayer | undefined;
  #suggestions = new SuggestionLayer();
  #labelsShown = true;
  #brush: BrushMark | undefined;
  #line: readonly Point[] = [];
  #prompts: readonly Prompt[] = [];
  #answered = 0;
  #crosshair: Point | undefined;
  #band: Box | undefined;
  #frameMark: PixelBox | undefined;
  #pixelSize: PixelSize | undefined;
  #fitted = true;
  /** Zooms and moves along. */
  #linked: Viewer | undefined;
  #frame = 0;
  #onLook: ((box: PixelBox | undefined) => void) | undefined;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser gives the page no canvas to draw on; try another one.");
    this.#context = context;
    this.#marks = new Marks(context);
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** The size of a new image, which is fitted to the canvas. */
  setSize(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#image = undefined;
    this.#mask = undefined;
    this.#preview = undefined;
    this.#labels = undefined;
    this.#suggestions.resize(width, height);
    this.#onLook?.(undefined);
    this.fit();
  }

  /** @param pixelSize what the scale bar goes by; undefined: there is none */
  setScaleBar(pixelSize: PixelSize | undefined) {
    this.#pixelSize = pixelSize;
    this.#invalidate();
  }

  /** @param look called with the part of the image that is in view when that changes; undefined: it is not known yet */
  onLook(look: (box: PixelBox | undefined) => void) {
    this.#onLook = look;
    this.#look();
  }

  /** @param rendered of the image's size */
  setPixels(rendered: RenderedImage) {
    this.#image ??= new ImageLayer(this.width, this.height);
    this.#image.setPixels(rendered);
    this.#invalidate();
  }

  /** The part of the image that is worth rendering in another display until all of it is; undefined: none. */
  get part(): ImagePart | undefined {
    return this.#image?.partIn(this.#view);
  }

  /** @param rendered one plane, the part's */
  setPart(rendered: RenderedImage, part: ImagePart) {
    this.#image?.setPart(rendered, part);
    this.#invalidate();
  }

  /** Zooms and moves together with another viewer of the same size. */
  link(other: Viewer) {
    this.#linked = other;
    other.#linked = this;
  }

  /** Shows the image that another viewer shows. */
  takeImage(other: Viewer) {
    if (this.width !== other.width || this.height !== other.height) this.#mask = undefined;
    this.width = other.width;
    this.height = other.height;
    this.#image = other.#image;
    this.takeView(other);
  }

  /** @param mask it is not copied: call maskChanged when it changes */
  setMask(mask: MaskRegion | null) {
    this.#mask = this.#painted(this.#mask, mask && new Overlay(mask, this.width, this.height, maskPaint));
  }

  /** @param mask what a click at the pointer would give */
  setPreview(mask: MaskRegion | null) {
    this.#preview = this.#painted(this.#preview, mask && new Overlay(mask, this.width, this.height, previewPaint));
  }

  /** @param box where the mask differs from the one that is shown */
  maskChanged(mask: MaskRegion, box: PixelBox) {
    this.#mask?.change(new Overlay(mask, this.width, this.height, maskPaint), box);
    this.#invalidate();
  }

  /**
   * @param ids they are not copied: call labelsChanged when they or their paint change
   * @param paintOf undefined: not shown
   */
  setLabels(ids: Uint32Array, paintOf: (id: number) => Paint | undefined) {
    const { width, height } = this;
    this.#labels = this.#painted(this.#labels, new Overlay({ x0: 0, y0: 0, x1: width, y1: height, bits: ids }, width, height, paintOf));
  }

  labelsChanged(box: PixelBox) {
    this.#labels?.invalidate(box);
    this.#invalidate();
  }

  showLabels(shown: boolean) {
    this.#labelsShown = shown;
    this.#invalidate();
  }

  /** @param colour #rrggbb of their outlines; undefined: one of their own */
  setSuggestions(shown: readonly Suggestion[], chosen: Suggestion | undefined, colour: string | undefined) {
    this.#suggestions.set(shown, chosen, colour);
    this.#invalidate();
  }

  setBrush(brush: BrushMark | undefined) {
    if (!brush && !this.#brush) return;
    this.#brush = brush;
    this.#invalidate();
  }

  /** What a polygon or a cut has so far, in image pixels. */
  setLine(corners: readonly Point[]) {
    if (corners.length === 0 && this.#line.length === 0) return;
    this.#line = [...corners];
    this.#invalidate();
  }

  /** @param answered how many of the first prompts are answered; the others still wait */
  setPrompts(prompts: readonly Prompt[], answered: number) {
    this.#prompts = prompts;
    this.#answered = answered;
    this.#invalidate();
  }

  setCrosshair(point: Point | undefined) {
    this.#crosshair = point;
    if (point) this.#reveal(point);
    this.#invalidate();
  }

  /** The box that is being drawn. */
  setBand(box: Box | undefined) {
    this.#band = box;
    this.#invalidate();
  }

  /** The part of the image at which the model looks. */
  setFrame(box: PixelBox | undefined) {
    if (!box && !this.#frameMark) return;
    this.#frameMark = box;
    this.#invalidate();
  }

  /** Pans so that a box is in view; of a larger one its upper left corner. */
  reveal({ x0, y0, x1, y1 }: PixelBox) {
    this.#reveal({ x: x1, y: y1 });
    this.#reveal({ x: x0, y: y0 });
  }

  /** Shows the whole image, centred. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!this.width || !clientWidth || !clientHeight) return;
    const margin = 16;
    this.scale = Math.min(Math.max(1, clientWidth - margin) / this.width, Math.max(1, clientHeight - margin) / this.height, LARGEST_SCALE);
    this.offset = {
      x: (clientWidth - this.width * this.scale) / 2,
      y: (clientHeight - this.height * this.scale) / 2,
    };
    this.#fitted = true;
    this.#moved();
    this.#linked?.takeView(this);
  }

  /** Zooms and keeps what is at (x, y) of the canvas box in place. */
  zoom(factor: number, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.width) return;
    const smallest = 16 / Math.max(this.width, this.height);
    const scale = Math.min(LARGEST_SCALE, Math.max(smallest, this.scale * factor));
    const ratio = scale / this.scale;
    this.scale = scale;
    this.pan((x - this.offset.x) * (1 - ratio), (y - this.offset.y) * (1 - ratio));
  }

  /** Zooms at the pointer. */
  zoomByWheel(event: WheelEvent) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    this.zoomAt(Math.exp(-event.deltaY * lines * 0.0015), event);
  }

  /** Zooms and keeps what is at a point of the window in place. */
  zoomAt(factor: number, { clientX, clientY }: { clientX: number; clientY: number }) {
    const box = this.canvas.getBoundingClientRect();
    this.zoom(factor, clientX - box.left, clientY - box.top);
  }

  /** Shows one pixel of the image on each of the screen; the middle stays in place to half a pixel. */
  zoomActual() {
    const ratio = window.devicePixelRatio;
    this.zoom(1 / ratio / this.scale);
    const { x, y } = this.offset;
    this.pan(Math.round(x * ratio) / ratio - x, Math.round(y * ratio) / ratio - y);
  }

  /** @param dx in CSS pixels */
  pan(dx: number, dy: number) {
    this.#fitted = false;
    this.offset = { x: this.offset.x + dx, y: this.offset.y + dy };
    this.#moved();
    this.#linked?.takeView(this);
  }

  /** Zooms and moves to where another viewer is. */
  takeView(other: Viewer) {
    this.scale = other.scale;
    this.offset = other.offset;
    this.#fitted = other.#fitted;
    this.#moved();
  }

  /** The image point of a pointer event. */
  toImage({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: (clientX - box.left - this.offset.x) / this.scale,
      y: (clientY - box.top - this.offset.y) / this.scale,
    };
  }

  /** Whether an image point lies in the image. */
  contains({ x, y }: Point) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  /** The nearest point of the image. */
  clamp({ x, y }: Point): Point {
    return { x: Math.min(this.width, Math.max(0, x)), y: Math.min(this.height, Math.max(0, y)) };
  }

  get #view(): View {
    const ratio = window.devicePixelRatio;
    const { width, height } = this.canvas;
    return { scale: this.scale * ratio, x: this.offset.x * ratio, y: this.offset.y * ratio, width, height };
  }

  /** Pans so that the point is in view. */
  #reveal({ x, y }: Point) {
    const margin = 24;
    const outside = (at: number, size: number) => Math.max(0, margin - at) - Math.max(0, at - (size - margin));
    const dx = outside(this.offset.x + x * this.scale, this.canvas.clientWidth);
    const dy = outside(this.offset.y + y * this.scale, this.canvas.clientHeight);
    if (!this.#fitted && (dx || dy)) this.pan(dx, dy);
  }

  #moved() {
    this.#invalidate();
    this.#look();
  }

  /** While nothing of the image is in view, the part that was seen last counts. */
  #look() {
    const { clientWidth, clientHeight } = this.canvas;
    const { scale, offset } = this;
    const seen = {
      x0: Math.floor(-offset.x / scale),
      y0: Math.floor(-offset.y / scale),
      x1: Math.ceil((clientWidth - offset.x) / scale),
      y1: Math.ceil((clientHeight - offset.y) / scale),
    };
    const box = intersection(seen, { x0: 0, y0: 0, x1: this.width, y1: this.height });
    if (box) this.#onLook?.(box);
  }

  #resize() {
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.#marks.fitText();
    if (this.#fitted) this.fit();
    this.#look();
    this.#draw();
  }

  /** The layer with another picture; null: no layer. */
  #painted(layer: TiledLayer | undefined, painter: Painter | null) {
    this.#invalidate();
    if (!painter) return undefined;
    if (!layer) return new TiledLayer(this.width, this.height, painter);
    layer.replace(painter);
    return layer;
  }

  /** Has the canvas drawn with the next frame. */
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
    for (const layer of [this.#image, this.#labelsShown && this.#labels, this.#suggestions, this.#preview, this.#mask]) {
      if (layer && !layer.draw(context, view, allowance)) complete = false;
    }
    context.setTransform(ratio, 0, 0, ratio, view.x, view.y);
    this.#drawMarks();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#drawScaleBar();
    if (!complete) this.#invalidate();
    else this.canvas.dataset.complete = "true";
  }

  #drawScaleBar() {
    const bar = this.#pixelSize && scaleBarOf(this.#pixelSize, LONGEST_BAR / this.scale);
    this.canvas.dataset.scaleBar = bar?.text ?? "";
    if (bar) drawScaleBar(this.#context, bar, this.scale, this.canvas.clientHeight);
  }

  #drawMarks() {
    const marks = this.#marks;
    marks.scale = this.scale;
    this.#suggestions.mark(marks);
    if (this.#frameMark) marks.frame(this.#frameMark);
    this.#prompts.forEach((prompt, i) => marks.prompt(prompt, i < this.#answered));
    if (this.#band) marks.box(this.#band, true);
    if (this.#crosshair) marks.crosshair(this.#crosshair);
    if (this.#brush) marks.brush(this.#brush);
    if (this.#line.length > 0) marks.line(this.#line);
  }
}
