// What the tools do on the canvas: to the predicted mask while there is one, else to the objects.

import { DraftMask } from "./draft_mask.js";
import { fillPolygon } from "./regions.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./object_editor.js").ObjectEditor} ObjectEditor */
/** @typedef {import("./viewer.js").Point} Point */
/** @typedef {import("./viewer.js").Viewer} Viewer */

const SMALLEST_BRUSH = 1;
const LARGEST_BRUSH = 100;
/** CSS pixels from a polygon's first corner at which a click closes it. */
const CLOSING = 8;

/**
 * @typedef {object} LabelToolsEvents
 * @property {() => void} changed tool, brush or draft are others
 * @property {() => import("./object_editor.js").Companion} accepting the mask becomes an object: its prompts are to be cleared when it is done, and are to come back when it is undone
 * @property {() => number | null} predictedIou of the mask
 */

export class LabelTools {
  /** @type {Tool} */
  tool = "prompt";
  /** Diameter in image pixels. */
  brushSize = 15;
  /** The object that the prompts are to give another shape, 0 for a new one. */
  refined = 0;
  /** Counts the strokes that corrected masks, and those that were taken back. */
  correctionsMade = 0;

  #viewer;
  #editor;
  #history;
  #events;
  /** @type {DraftMask | undefined} */
  #draft;
  /** The id of the image that is open. */
  #image = "";
  /** The person sees prompts, and the mask is of them. */
  #prompted = false;
  /** The mask answers all prompts. */
  #answered = false;
  /** Accept was asked for before the mask was there. */
  #acceptWanted = false;
  /** `id` is the object that the stroke paints, 0 when it erases or corrects the mask. @type {{last: Point, id: number, created: boolean, draft: boolean} | undefined} */
  #stroke;
  /** The corners of the polygon, or the ends of the cut, that is being drawn. @type {Point[]} */
  #corners = [];
  /** The image point under the pointer. @type {Point | undefined} */
  #hovered;

  /** @param {Viewer} viewer @param {ObjectEditor} editor @param {History} history @param {LabelToolsEvents} events */
  constructor(viewer, editor, history, events) {
    this.#viewer = viewer;
    this.#editor = editor;
    this.#history = history;
    this.#events = events;
  }

  /** Prompts are shown and have a mask, which brush and eraser correct. */
  get hasMask() {
    return this.#prompted && this.#draft?.mask !== undefined;
  }

  /** The mask as it is shown when it differs from the predicted one. */
  get correctedMask() {
    return this.hasMask && this.#draft?.corrected ? this.#draft.mask : undefined;
  }

  /** @param {import("./project.js").ProjectImage} image that was opened */
  opened({ id, width, height }) {
    this.reset();
    this.#image = id;
    this.#draft = new DraftMask(width, height);
    this.#acceptWanted = false;
    this.refined = 0;
  }

  /** @param {Uint8Array | null} mask a new prediction, null when there is none */
  setMask(mask) {
    if (!mask && this.#stroke?.draft) this.endStroke();
    this.#draft?.predict(mask);
    this.#viewer.setMask(this.#draft?.mask ?? null);
  }

  /** @param {boolean} prompted there are prompts @param {boolean} answered the mask answers all of them */
  setPrompted(prompted, answered) {
    this.#prompted = prompted;
    this.#answered = answered;
    if (!prompted && this.#draft?.mask) this.setMask(null);
    if (!prompted) this.#acceptWanted = false;
    if (this.#acceptWanted && answered) this.accept();
  }

  /** @param {Tool} tool */
  setTool(tool) {
    this.reset();
    this.tool = tool;
    this.hover(this.#hovered);
    this.#events.changed();
  }

  /** @param {number} size */
  setBrushSize(size) {
    this.brushSize = Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, Math.round(size)));
    this.hover(this.#hovered);
    this.#events.changed();
  }

  /** One step larger or smaller. @param {boolean} larger */
  stepBrushSize(larger) {
    const step = Math.max(1, Math.round(this.brushSize / 5));
    this.setBrushSize(this.brushSize + (larger ? step : -step));
  }

  /** Shows the brush, or the line that a click would draw, under the pointer. @param {Point | undefined} point */
  hover(point) {
    this.#hovered = point;
    const brushes = this.tool === "draw" || this.tool === "erase";
    this.#viewer.setBrush(point && brushes ? { ...point, diameter: this.brushSize } : undefined);
    this.#viewer.setLine(point && this.#corners.length > 0 ? [...this.#corners, point] : this.#corners);
  }

  /** The button was pressed, or a key in its stead. @param {Point} point @param {boolean} more with Ctrl or Shift */
  press(point, more) {
    if (this.tool === "select") this.select(point, more);
    else if (this.tool === "polygon") this.#corner(point);
    else if (this.tool === "cut") this.#corners = [point];
    else if (this.tool !== "prompt") this.#beginStroke(point);
  }

  /** Selects the object at a point. @param {Point} point @param {boolean} [more] keep what is selected */
  select(point, more = true) {
    const id = this.#editor.labels?.idAt(point) ?? 0;
    if (id || !more) this.#editor.select(id, more);
  }

  /** A cut has its first end. */
  get cutting() {
    return this.tool === "cut" && this.#corners.length > 0;
  }

  /** @param {Point} point */
  move(point) {
    if (this.#stroke) this.#moveStroke(point);
  }

  /** The button was let go. @param {Point} point */
  release(point) {
    this.endStroke();
    const [from] = this.#corners;
    if (this.tool !== "cut" || !from) return;
    this.#corners = [];
    this.hover(this.#hovered);
    if (from.x !== point.x || from.y !== point.y) this.#editor.cut(from, point);
  }

  /** Forgets what is half done. @returns {boolean} whether anything was */
  reset() {
    const begun = this.#corners.length > 0;
    this.endStroke();
    this.#corners = [];
    this.hover(this.#hovered);
    return begun;
  }

  endStroke() {
    const stroke = this.#stroke;
    if (!stroke) return;
    this.#stroke = undefined;
    if (stroke.draft) this.#finishDraft();
    else this.#editor.finish(this.tool === "erase" ? "erase" : "draw", stroke.created ? stroke.id : undefined);
    this.#events.changed();
  }

  /** Closes the polygon, or makes the shown mask an object, at once or as soon as it answers all prompts. */
  accept() {
    if (this.#corners.length > 0) return this.#closePolygon();
    this.endStroke();
    this.#acceptWanted = false;
    if (!this.#prompted) return;
    const mask = this.#draft?.mask;
    if (!mask || !this.#answered) {
      this.#acceptWanted = true;
      return;
    }
    const companion = this.#companion();
    const iou = this.#events.predictedIou();
    const refined = this.refined;
    const done = refined ? this.#editor.refine(refined, mask, iou, companion) : this.#editor.accept(mask, iou, companion);
    if (done) companion.redo();
  }

  /** A prompt was added, so a mask that was to be accepted is no longer the one that was meant. */
  prompted() {
    this.#acceptWanted = false;
  }

  /** The corrections of the mask, for when it is to come back. */
  get corrections() {
    return this.#draft?.corrections;
  }

  /** The mask that comes next is corrected so. @param {Uint32Array | undefined} corrections */
  correctAs(corrections) {
    this.#draft?.correctAs(corrections);
  }

  #companion() {
    const prompts = this.#events.accepting();
    const { corrections, refined } = this;
    return {
      undo: () => {
        this.refined = refined;
        this.correctAs(corrections);
        prompts.undo();
      },
      redo: () => {
        this.refined = 0;
        this.setMask(null);
        prompts.redo();
      },
    };
  }

  /** @param {Point} point */
  #beginStroke(point) {
    const { labels, selection } = this.#editor;
    if (!labels || this.#stroke) return;
    // With prompts but no mask yet there is nothing to correct, and the objects are not meant.
    if (this.#prompted && !this.hasMask) return;
    const draft = this.hasMask;
    const [selected] = selection;
    const painted = draft || this.tool === "erase" ? 0 : (selected ?? labels.idAt(point));
    const created = !draft && this.tool === "draw" && !painted;
    const id = created ? this.#editor.freeId() : painted;
    if (id === undefined || (id && labels.locked(id) && this.#editor.tellLocked(id))) return;
    this.#stroke = { last: point, id, created, draft };
    this.#moveStroke(point);
  }

  /** @param {Point} point */
  #moveStroke(point) {
    const stroke = this.#stroke;
    const { labels, selection } = this.#editor;
    if (!stroke || !labels) return;
    const { last, id, draft } = stroke;
    stroke.last = point;
    if (draft) {
      const box = this.#draft?.paint(last, point, this.brushSize, this.tool === "draw");
      if (box) this.#viewer.maskChanged(box);
      return;
    }
    const box = id ? labels.paint(last, point, this.brushSize, id) : labels.erase(last, point, this.brushSize, selection);
    if (box) this.#viewer.labelsChanged(box);
  }

  #finishDraft() {
    const draft = this.#draft;
    const change = draft?.finish();
    if (!change) return;
    this.correctionsMade += 1;
    const show = () => {
      this.correctionsMade += 1;
      this.#viewer.maskChanged(change.box);
      this.#events.changed();
    };
    this.#history.push({
      what: "correct the mask",
      image: this.#image,
      passing: true,
      undo: () => {
        draft?.undo(change);
        show();
      },
      redo: () => {
        draft?.redo(change);
        show();
      },
    });
  }

  /** @param {Point} point */
  #corner(point) {
    const [first] = this.#corners;
    const { scale } = this.#viewer;
    if (first && this.#corners.length > 2 && Math.hypot(point.x - first.x, point.y - first.y) * scale < CLOSING) {
      return this.#closePolygon();
    }
    this.#corners.push(point);
    this.hover(point);
  }

  /** Adds the polygon to the selected object, or makes it a new one. */
  #closePolygon() {
    const corners = this.#corners;
    this.reset();
    const { labels, selection } = this.#editor;
    if (!labels || corners.length < 3) return;
    const [selected] = selection;
    const id = selected ?? this.#editor.freeId();
    if (id === undefined || (selected && labels.locked(id) && this.#editor.tellLocked(id))) return;
    fillPolygon(corners, labels.width, labels.height, (start, end) => labels.fillFree(start, end, id));
    this.#editor.finish("draw a polygon", selected ? undefined : id);
  }
}
