// Pointer and keyboard on the canvas: each gesture ends in a command.

import { effect, untracked } from "../vendor/signals-core.js";
import type { Point } from "../document/geometry.js";
import type { BoxPrompt } from "../document/types.js";
import type { View, Workbench } from "../commands/workbench.js";
import { Fingers } from "./fingers.js";
import type { Viewer } from "./viewer.js";

/** CSS pixels that the pointer may move in a click. */
const CLICK_SLACK = 4;
/** The same for a finger, which is less steady. */
const TOUCH_SLACK = 10;
/** Milliseconds for which a finger is held where it marks what does not belong to the object. */
const HOLD = 500;
/** CSS pixels from a polygon's first corner at which a click closes it. */
const CLOSING = 8;

/** A press that may become a click, a box, a pan or a stroke. */
interface Press {
  event: PointerEvent;
  at: Point;
  pan: boolean;
  stroke: boolean;
  /** The tool is pressed. A finger may be the first of two, which press none. */
  pressed: boolean;
  dragged: boolean;
}

function isTouch({ pointerType }: PointerEvent) {
  return pointerType === "touch";
}

function boxOf(a: Point, b: Point): BoxPrompt {
  return {
    kind: "box",
    x0: Math.min(a.x, b.x),
    y0: Math.min(a.y, b.y),
    x1: Math.max(a.x, b.x),
    y1: Math.max(a.y, b.y),
  };
}

export class Pointer implements View {
  #viewer;
  #bench;
  #fingers;
  #press: Press | undefined;
  /** The keyboard's crosshair, on whole pixels. */
  #crosshair: Point | undefined;
  /** The first corner of a box that the keyboard marks. */
  #corner: Point | undefined;
  /** Space is held; let go, it marks the crosshair unless it moved the image. */
  #space: { marks: boolean; positive: boolean } | undefined;

  constructor(viewer: Viewer, bench: Workbench) {
    this.#viewer = viewer;
    this.#bench = bench;
    this.#fingers = new Fingers(viewer);
    const { canvas } = viewer;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#fingers.up(event) || this.cancelGesture());
    canvas.addEventListener("pointerleave", () => {
      this.#pointAt(this.#crosshair);
      bench.session.preview.point(undefined);
    });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => viewer.width && viewer.zoomByWheel(event), { passive: false });
    canvas.addEventListener("blur", () => viewer.setCrosshair(undefined));
    document.addEventListener("keydown", (event) => this.#spaceDown(event));
    document.addEventListener("keyup", (event) => this.#spaceUp(event));
    window.addEventListener("blur", () => this.#endSpace());
    effect(() => {
      if (bench.project.current.value) untracked(() => this.#forget());
    });
    effect(() => {
      // A click with another tool is no prompt.
      if (bench.tools.tool.value !== "prompt") untracked(() => bench.session.preview.clear());
    });
  }

  zoom(factor: number) {
    this.#viewer.zoom(factor);
  }

  fit() {
    this.#viewer.fit();
  }

  zoomActual() {
    this.#viewer.zoomActual();
  }

  moveCrosshair(dx: number, dy: number) {
    this.#step(dx, dy);
  }

  markCorner() {
    const point = this.#step(0, 0);
    if (!this.#prompting) return;
    const corner = this.#corner;
    if (!corner) {
      this.#corner = point;
      return;
    }
    this.cancelGesture();
    this.#addBox(corner, point);
  }

  cancelGesture() {
    const begun = this.#corner !== undefined || this.#press?.dragged === true;
    this.#press = undefined;
    this.#corner = undefined;
    this.#viewer.setBand(undefined);
    return this.#bench.labelTools.reset() || begun;
  }

  /** A new image is open: no crosshair, no box. */
  #forget() {
    this.cancelGesture();
    this.#crosshair = undefined;
    this.#pointAt(undefined);
    this.#viewer.setCrosshair(undefined);
  }

  get #prompting() {
    return this.#bench.tools.tool.peek() === "prompt";
  }

  #pointAt(point: Point | undefined) {
    this.#bench.tools.pointed.value = point;
  }

  #down(event: PointerEvent) {
    if (!this.#viewer.width) return;
    if (isTouch(event) && this.#fingers.down(event)) return this.#endPress();
    if (this.#press) return;
    // The middle button would scroll.
    if (event.button === 1) event.preventDefault();
    this.#viewer.canvas.setPointerCapture(event.pointerId);
    this.#viewer.setCrosshair(undefined);
    const pan = event.button === 1 || event.shiftKey || this.#space !== undefined;
    if (this.#space) this.#space.marks = false;
    const at = this.#viewer.toImage(event);
    const stroke = !this.#prompting && !pan && event.button === 0;
    const press = { event, at, pan, stroke, pressed: false, dragged: false };
    this.#press = press;
    this.#bench.session.preview.point(undefined);
    if (isTouch(event)) setTimeout(() => this.#held(press), HOLD);
    else if (stroke) this.#pressOnce(press);
  }

  #pressOnce(press: Press) {
    if (!press.pressed) this.#pressTool(press.at, press.event.ctrlKey || press.event.metaKey);
    press.pressed = true;
  }

  /** A finger stays where it was put down: what a right click does. */
  #held(press: Press) {
    if (this.#press !== press || press.dragged || press.pan || !this.#prompting) return;
    this.#press = undefined;
    if (this.#viewer.contains(press.at)) this.#addPoint(press.at, false);
  }

  /** A second finger is put down: the first one did not mean to prompt or draw on. */
  #endPress() {
    const { labelTools } = this.#bench;
    this.#press = undefined;
    this.#viewer.setBand(undefined);
    labelTools.endStroke();
    if (labelTools.cutting) labelTools.reset();
  }

  #pressTool(at: Point, more: boolean) {
    this.#bench.labelTools.press(at, more, CLOSING / this.#viewer.scale);
  }

  #move(event: PointerEvent) {
    if (this.#fingers.move(event)) return;
    const point = this.#viewer.toImage(event);
    const inside = this.#viewer.contains(point) ? point : undefined;
    this.#pointAt(inside);
    const press = this.#press;
    this.#bench.session.preview.point(press || this.#corner || !this.#prompting ? undefined : inside);
    if (!press || press.event.pointerId !== event.pointerId) return;
    const { clientX, clientY } = press.event;
    const slack = isTouch(press.event) ? TOUCH_SLACK : CLICK_SLACK;
    if (Math.hypot(event.clientX - clientX, event.clientY - clientY) > slack) press.dragged = true;
    if (press.stroke) return this.#moveStroke(press, event, point);
    if (!press.dragged) return;
    if (press.pan) this.#viewer.pan(event.movementX, event.movementY);
    else if (press.event.button === 0 && this.#prompting) this.#viewer.setBand(this.#boxBetween(press.at, point));
  }

  #moveStroke(press: Press, event: PointerEvent, point: Point) {
    if (press.dragged) this.#pressOnce(press);
    if (!press.pressed) return;
    // Over plain http the browser tells nothing of what lies between two events.
    for (const part of event.getCoalescedEvents?.() ?? []) this.#bench.labelTools.move(this.#viewer.toImage(part));
    this.#bench.labelTools.move(point);
  }

  #up(event: PointerEvent) {
    if (this.#fingers.up(event)) return;
    const press = this.#press;
    if (!press || press.event.pointerId !== event.pointerId || press.event.button !== event.button) return;
    this.#press = undefined;
    this.#viewer.setBand(undefined);
    const { labelTools } = this.#bench;
    if (press.stroke) this.#pressOnce(press);
    if (press.stroke) labelTools.release(this.#viewer.toImage(event));
    if (press.pan || press.stroke || !this.#prompting) return;
    if (!press.dragged && (event.ctrlKey || event.metaKey)) return labelTools.select(press.at);
    if (press.dragged && event.button === 0) return this.#addBox(press.at, this.#viewer.toImage(event));
    if (this.#viewer.contains(press.at)) this.#addPoint(press.at, event.button === 0 && !event.altKey);
  }

  #spaceDown(event: KeyboardEvent) {
    const { canvas } = this.#viewer;
    const focused = event.target === canvas;
    // Elsewhere it is a control's own.
    const meant = focused || (event.target === document.body && canvas.matches(":hover"));
    if (event.key !== " " || !meant || !this.#viewer.width || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#space ??= { marks: focused && !this.#press, positive: !event.shiftKey && !event.altKey };
    canvas.classList.add("movable");
  }

  #spaceUp(event: KeyboardEvent) {
    const space = this.#space;
    if (event.key !== " " || !space) return;
    this.#endSpace();
    if (space.marks) this.#mark(this.#step(0, 0), space.positive);
  }

  #endSpace() {
    this.#space = undefined;
    this.#viewer.canvas.classList.remove("movable");
  }

  /** Moves the crosshair, which starts in the middle. */
  #step(dx: number, dy: number): Point {
    const { width, height } = this.#viewer;
    const from = this.#crosshair ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    const to = {
      x: Math.min(width - 1, Math.max(0, from.x + dx)),
      y: Math.min(height - 1, Math.max(0, from.y + dy)),
    };
    this.#crosshair = to;
    this.#viewer.setCrosshair(to);
    if (this.#corner) this.#viewer.setBand(boxOf(this.#corner, to));
    this.#pointAt(to);
    return to;
  }

  /** A point, or what another tool does where it is pressed. */
  #mark(point: Point, positive: boolean) {
    if (this.#prompting) return this.#addPoint(point, positive);
    const { labelTools } = this.#bench;
    // The second press of the key ends a cut.
    if (labelTools.cutting) return labelTools.release(point);
    this.#pressTool(point, !positive);
    if (!labelTools.cutting) labelTools.release(point);
  }

  #boxBetween(from: Point, to: Point): BoxPrompt {
    return boxOf(this.#viewer.clamp(from), this.#viewer.clamp(to));
  }

  #addBox(from: Point, to: Point) {
    const box = this.#boxBetween(from, to);
    if (box.x1 > box.x0 && box.y1 > box.y0) this.#bench.prompts.add(box);
  }

  #addPoint({ x, y }: Point, positive: boolean) {
    this.#bench.prompts.add({ kind: "point", x, y, positive });
  }
}
