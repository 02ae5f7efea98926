// What prompts, brush and eraser do: to the predicted mask while there is one, else to the labels.

import { DraftMask } from "./draft_mask.js";

/** @typedef {import("./viewer.js").Point} Point */
/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./labels.js").LabelMap} LabelMap */

const SMALLEST_BRUSH = 1;
const LARGEST_BRUSH = 100;
const TOO_MANY = "The image has 65535 labelled objects, which is the most that a 16-bit label image holds; remove some first.";

/**
 * @typedef {object} LabelToolsEvents
 * @property {() => void} changed tool, brush, draft or labels are others
 * @property {() => void} labelled the labels were changed
 * @property {() => void} strokeBegins
 * @property {() => void} accepted the mask became an object; its prompts are to be cleared
 * @property {() => void} undoPrompt
 * @property {(sentence: string) => void} failed
 */

export class LabelTools {
  /** @type {Tool} */
  tool = "prompt";
  /** Diameter in image pixels. */
  brushSize = 15;

  #viewer;
  #events;
  /** @type {LabelMap | undefined} */
  #labels;
  /** @type {DraftMask | undefined} */
  #draft;
  /** The person sees prompts, and the mask is of them. */
  #prompted = false;
  /** The mask answers all prompts. */
  #answered = false;
  /** Accept was asked for before the mask was there. */
  #acceptWanted = false;
  /** `id` is the object that the stroke paints, 0 when it erases or corrects the mask. @type {{last: Point, id: number, draft: boolean} | undefined} */
  #stroke;

  /** The image point under the pointer. @type {Point | undefined} */
  #hovered;

  /** @param {Viewer} viewer @param {LabelToolsEvents} events */
  constructor(viewer, events) {
    this.#viewer = viewer;
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

  get canUndo() {
    return (this.hasMask && this.#draft?.corrected) || (!this.#prompted && (this.#labels?.canUndo ?? false));
  }

  /** @param {LabelMap} labels of the image that was opened */
  setLabels(labels) {
    this.endStroke();
    this.#labels = labels;
    this.#draft = new DraftMask(labels.width, labels.height);
    this.#acceptWanted = false;
    this.#viewer.setLabels(labels.ids);
    this.#events.changed();
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
    this.endStroke();
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

  /** Shows the brush under the pointer. @param {Point | undefined} point */
  hover(point) {
    this.#hovered = point;
    this.#viewer.setBrush(point && this.tool !== "prompt" ? { ...point, diameter: this.brushSize } : undefined);
  }

  /** @param {Point} point */
  beginStroke(point) {
    if (!this.#labels || this.#stroke || this.tool === "prompt") return;
    // With prompts but no mask yet there is nothing to correct, and the labels are not meant.
    if (this.#prompted && !this.hasMask) return;
    this.#events.strokeBegins();
    const draft = this.hasMask;
    const id = draft || this.tool === "erase" ? 0 : this.#labels.idAt(point) || this.#labels.freeId;
    if (id === undefined) return this.#events.failed(TOO_MANY);
    this.#stroke = { last: point, id, draft };
    this.moveStroke(point);
  }

  /** @param {Point} point */
  moveStroke(point) {
    const stroke = this.#stroke;
    if (!stroke || !this.#labels) return;
    const { last, id, draft } = stroke;
    stroke.last = point;
    if (draft) {
      const box = this.#draft?.paint(last, point, this.brushSize, this.tool === "draw");
      if (box) this.#viewer.maskChanged(box);
      return;
    }
    const box = id
      ? this.#labels.paint(last, point, this.brushSize, id)
      : this.#labels.erase(last, point, this.brushSize);
    if (box) this.#viewer.labelsChanged(box);
  }

  endStroke() {
    const stroke = this.#stroke;
    if (!stroke) return;
    this.#stroke = undefined;
    if (stroke.draft) this.#draft?.finish();
    else if (this.#labels?.finish()) this.#events.labelled();
    this.#events.changed();
  }

  /** Makes the shown mask a labelled object, at once or as soon as it answers all prompts. */
  accept() {
    this.endStroke();
    this.#acceptWanted = false;
    if (!this.#labels || !this.#prompted) return;
    const mask = this.#draft?.mask;
    if (!mask || !this.#answered) {
      this.#acceptWanted = true;
      return;
    }
    const id = this.#labels.freeId;
    if (id === undefined) return this.#events.failed(TOO_MANY);
    const box = this.#labels.accept(mask, id);
    if (!box) {
      const sentence = mask.some(Boolean)
        ? "All pixels of this mask belong to labelled objects already; erase some of those first, or prompt another object."
        : "This mask has no pixels; paint some or prompt another object.";
      return this.#events.failed(sentence);
    }
    this.setMask(null);
    this.#labelled(box);
    this.#events.accepted();
  }

  /** A prompt was added, so a mask that was to be accepted is no longer the one that was meant. */
  prompted() {
    this.#acceptWanted = false;
  }

  /** Takes back the last stroke on the mask, the last prompt, or, without prompts, the last change of the labels. */
  undo() {
    this.endStroke();
    if (!this.#prompted) return this.#labelled(this.#labels?.undo());
    if (!this.hasMask || !this.#draft?.corrected) return this.#events.undoPrompt();
    const box = this.#draft.undo();
    if (box) this.#viewer.maskChanged(box);
    this.#events.changed();
  }

  /** Removes the labelled object at a point. @param {Point} point */
  removeAt(point) {
    this.endStroke();
    const id = this.#labels?.idAt(point);
    if (id) this.#labelled(this.#labels?.remove(id));
  }

  /** Takes over labels for all the image, as one change. @param {Uint32Array} ids width * height */
  replaceLabels(ids) {
    this.endStroke();
    this.#labelled(this.#labels?.replace(ids));
  }

  /** @param {PixelBox | undefined} box what was changed, if anything */
  #labelled(box) {
    if (!box) return;
    this.#viewer.labelsChanged(box);
    this.#events.labelled();
    this.#events.changed();
  }
}
