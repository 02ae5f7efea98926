// What the tools do where they are pressed, moved and released: to the draft's mask while there is one, else to the
// objects.

import { batch, effect, untracked } from "../vendor/signals-core.js";
import type { Draft, DraftState } from "../document/draft.js";
import type { Point } from "../document/geometry.js";
import type { Edit, History } from "../document/history.js";
import type { Project } from "../document/project.js";
import { fillPolygon } from "../document/regions.js";
import type { Tool, ToolState } from "../document/tool_state.js";
import type { ObjectCommands } from "./objects.js";
import type { PromptCommands } from "./prompts.js";

/** A stroke of brush or eraser in hand. */
interface Stroke {
  tool: "draw" | "erase";
  last: Point;
  /** The object that it paints; 0 where it erases or corrects the mask. */
  id: number;
  /** The object is a new one. */
  created: boolean;
  corrects: boolean;
}

export class LabelTools {
  #project;
  #draft;
  #state;
  #history;
  #objects;
  #prompts;
  #stroke: Stroke | undefined;

  constructor(project: Project, draft: Draft, state: ToolState, history: History, objects: ObjectCommands, prompts: PromptCommands) {
    this.#project = project;
    this.#draft = draft;
    this.#state = state;
    this.#history = history;
    this.#objects = objects;
    this.#prompts = prompts;
    project.onClose(() => {
      this.reset();
      objects.complete();
    });
    effect(() => {
      if (draft.acceptWanted.value && draft.answered.value) untracked(() => this.accept());
    });
  }

  choose(tool: Tool) {
    this.reset();
    this.#state.choose(tool);
  }

  /** A cut has its first end. */
  get cutting() {
    return this.#state.tool.peek() === "cut" && this.#state.line.peek().length > 0;
  }

  /**
   * The tool is pressed.
   * @param more the selection is kept
   * @param reach the distance in image pixels within which a polygon's first corner is met
   */
  press(point: Point, more: boolean, reach: number) {
    const tool = this.#state.tool.peek();
    if (tool === "select") this.select(point, more);
    else if (tool === "polygon") this.#addCorner(point, reach);
    else if (tool === "cut") this.#state.line.value = [point];
    else if (tool !== "prompt") this.#beginStroke(tool, point);
  }

  /** Selects the object at a point, or chooses the suggestion there. @param more what is selected is kept */
  select(point: Point, more = true) {
    const id = this.#objects.at(point);
    const { suggestions } = this.#project;
    suggestions.choose(id ? undefined : suggestions.at(point));
    if (id || !more) this.#objects.select(id, more);
  }

  move(point: Point) {
    if (this.#stroke) this.#paint(this.#stroke, point);
  }

  release(point: Point) {
    this.endStroke();
    const [from] = this.#state.line.peek();
    if (this.#state.tool.peek() !== "cut" || !from) return;
    this.#state.line.value = [];
    if (from.x !== point.x || from.y !== point.y) this.#objects.cut(from, point);
  }

  /** Gives up what is half done. @returns whether anything was */
  reset() {
    const begun = this.#state.line.peek().length > 0;
    this.endStroke();
    if (begun) this.#state.line.value = [];
    return begun;
  }

  endStroke() {
    const stroke = this.#stroke;
    if (!stroke) return;
    this.#stroke = undefined;
    if (stroke.corrects) this.#finishCorrection();
    else this.#objects.finish(stroke.tool, stroke.created ? stroke.id : undefined);
    this.#objects.painting.value = false;
  }

  /**
   * Closes the polygon, or makes the mask an object, at once or as soon as it answers all prompts.
   * @returns false: there is neither
   */
  accept() {
    if (this.#state.line.peek().length > 0) {
      this.#closePolygon();
      return true;
    }
    this.endStroke();
    if (this.#draft.rounds.peek().length === 0) return false;
    this.#acceptMask();
    return true;
  }

  #acceptMask() {
    const draft = this.#draft;
    const { mask } = draft;
    draft.acceptWanted.value = !mask || !draft.answered.peek();
    if (draft.acceptWanted.peek() || !mask) return;
    const prediction = draft.answer.peek()?.prediction;
    const iou = prediction?.ious[prediction.selected] ?? null;
    const linked = this.#prompts.away();
    const refined = draft.refined.peek();
    batch(() => {
      const done = refined ? this.#objects.refine(refined, mask, iou, linked) : this.#objects.accept(mask, iou, linked);
      if (done) linked.redo();
    });
  }

  #beginStroke(tool: "draw" | "erase", point: Point) {
    const { editable: labels, selection } = this.#objects;
    if (!labels || this.#stroke) return;
    const corrects = this.#draft.hasMask.peek();
    // With prompts but no mask yet there is nothing to correct, and the objects are not meant.
    if (this.#draft.rounds.peek().length > 0 && !corrects) return;
    const [selected] = selection;
    const painted = corrects || tool === "erase" ? 0 : (selected ?? labels.idAt(point));
    const created = !corrects && tool === "draw" && !painted;
    const id = created ? this.#objects.freeId() : painted;
    if (id === undefined || (id && this.#objects.refuseLocked(id))) return;
    this.#stroke = { tool, last: point, id, created, corrects };
    this.#objects.painting.value = true;
    this.#paint(this.#stroke, point);
  }

  #paint(stroke: Stroke, point: Point) {
    const { labels, selection } = this.#objects;
    if (!labels) return;
    const { tool, last, id, corrects } = stroke;
    const size = this.#state.brushSize.peek();
    stroke.last = point;
    if (corrects) {
      const box = this.#draft.correct((mask) => mask.paint(last, point, size, tool === "draw"));
      if (box) this.#draft.damage.add(box);
      return;
    }
    const box = id ? labels.paint(last, point, size, id) : labels.erase(last, point, size, selection);
    if (box) this.#project.damage.add(box);
  }

  #finishCorrection() {
    const draft = this.#draft;
    const change = draft.correct((mask) => mask.finish());
    if (!change) return;
    const move = (how: "undo" | "redo") => {
      draft.correct((mask) => mask[how](change));
      draft.damage.add(change.box);
      draft.correctionsChanged();
    };
    const after = draft.state;
    let before: DraftState | undefined;
    const edit: Pick<Edit, "undo" | "redo" | "lasts"> = {
      lasts: (how) => (how === "undo" ? draft.is(after) : before !== undefined && draft.is(before)),
      undo() {
        move("undo");
        before = draft.state;
      },
      redo: () => move("redo"),
    };
    batch(() => {
      draft.correctionsChanged();
      this.#history.push({ label: "correct the mask", image: this.#project.current.peek()?.id, transient: true, ...edit });
    });
  }

  #addCorner(point: Point, reach: number) {
    const corners = this.#state.line.peek();
    const [first] = corners;
    if (first && corners.length > 2 && Math.hypot(point.x - first.x, point.y - first.y) < reach) return this.#closePolygon();
    this.#state.line.value = [...corners, point];
  }

  /** Adds the polygon to the selected object, or makes it a new one. */
  #closePolygon() {
    const corners = [...this.#state.line.peek()];
    this.reset();
    const { editable: labels, selection } = this.#objects;
    if (!labels || corners.length < 3) return;
    const [selected] = selection;
    const id = selected ?? this.#objects.freeId();
    if (id === undefined || (selected && this.#objects.refuseLocked(id))) return;
    fillPolygon(corners, labels.width, labels.height, (start, end) => labels.fillFree(start, end, id));
    this.#objects.finish("draw a polygon", selected ? undefined : id);
  }
}
