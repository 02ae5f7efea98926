// Pointer and keyboard on the canvas → prompts or what the tools do.

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./viewer.js").Point} Point */
/** @typedef {import("./label_tools.js").LabelTools} LabelTools */

/** CSS pixels the pointer may move in a click. */
const CLICK_SLACK = 4;

/** @param {Point} a @param {Point} b @returns {BoxPrompt} */
function boxOf(a, b) {
  return {
    kind: "box",
    x0: Math.min(a.x, b.x),
    y0: Math.min(a.y, b.y),
    x1: Math.max(a.x, b.x),
    y1: Math.max(a.y, b.y),
  };
}

export class PromptInput {
  /** The image point under the pointer, or the crosshair when that was moved last. @type {Point | undefined} */
  at;

  #viewer;
  #tools;
  #onPrompt;
  #onMove;
  #onHover;
  /** The press that may become a click, a box, a pan or a stroke. @type {{event: PointerEvent, at: Point, pan: boolean, stroke: boolean, dragged: boolean} | undefined} */
  #press;
  /** The keyboard's crosshair, on whole pixels. @type {Point | undefined} */
  #crosshair;
  /** The first corner marked with B. @type {Point | undefined} */
  #corner;
  /** Space is held; let go, it marks the crosshair unless it moved the image. @type {{marks: boolean, positive: boolean} | undefined} */
  #space;

  /**
   * @param {Viewer} viewer
   * @param {LabelTools} tools
   * @param {(prompt: Prompt) => void} onPrompt
   * @param {(point: Point | undefined) => void} onMove the image point under pointer or crosshair
   * @param {(point: Point | undefined) => void} onHover the image point where a click would be a prompt
   */
  constructor(viewer, tools, onPrompt, onMove, onHover) {
    this.#viewer = viewer;
    this.#tools = tools;
    this.#onPrompt = onPrompt;
    this.#onMove = onMove;
    this.#onHover = onHover;
    const { canvas } = viewer;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.reset());
    canvas.addEventListener("pointerleave", () => {
      this.#pointAt(this.#crosshair);
      this.#onHover(undefined);
    });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => viewer.setCrosshair(undefined));
    document.addEventListener("keydown", (event) => this.#spaceDown(event));
    document.addEventListener("keyup", (event) => this.#spaceUp(event));
    window.addEventListener("blur", () => this.#endSpace());
  }

  /** Forgets a begun box. @returns {boolean} whether there was one */
  reset() {
    const begun = this.#corner !== undefined || this.#press?.dragged === true;
    this.#press = undefined;
    this.#corner = undefined;
    this.#viewer.setBand(undefined);
    return this.#tools.reset() || begun;
  }

  /** For a new image: no crosshair, no box. */
  forget() {
    this.reset();
    this.#crosshair = undefined;
    this.at = undefined;
    this.#viewer.setCrosshair(undefined);
  }

  get #prompting() {
    return this.#tools.tool === "prompt";
  }

  /** @param {Point | undefined} point */
  #pointAt(point) {
    this.at = point;
    this.#onMove(point);
    this.#tools.hover(point);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.#viewer.width || this.#press) return;
    // The middle button would scroll.
    if (event.button === 1) event.preventDefault();
    this.#viewer.canvas.setPointerCapture(event.pointerId);
    this.#viewer.setCrosshair(undefined);
    const pan = event.button === 1 || event.shiftKey || this.#space !== undefined;
    if (this.#space) this.#space.marks = false;
    const at = this.#viewer.toImage(event);
    const stroke = !this.#prompting && !pan && event.button === 0;
    this.#press = { event, at, pan, stroke, dragged: false };
    this.#onHover(undefined);
    if (stroke) this.#tools.press(at, event.ctrlKey || event.metaKey);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = this.#viewer.toImage(event);
    const inside = this.#viewer.contains(point) ? point : undefined;
    this.#pointAt(inside);
    const press = this.#press;
    this.#onHover(press || this.#corner || !this.#prompting ? undefined : inside);
    if (!press || press.event.pointerId !== event.pointerId) return;
    if (press.stroke) {
      for (const part of event.getCoalescedEvents()) this.#tools.move(this.#viewer.toImage(part));
      this.#tools.move(point);
      return;
    }
    const { clientX, clientY } = press.event;
    if (Math.hypot(event.clientX - clientX, event.clientY - clientY) > CLICK_SLACK) press.dragged = true;
    if (!press.dragged) return;
    if (press.pan) this.#viewer.pan(event.movementX, event.movementY);
    else if (press.event.button === 0 && this.#prompting) this.#viewer.setBand(this.#boxBetween(press.at, point));
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const press = this.#press;
    if (!press || press.event.pointerId !== event.pointerId || press.event.button !== event.button) return;
    this.#press = undefined;
    this.#viewer.setBand(undefined);
    if (press.stroke) this.#tools.release(this.#viewer.toImage(event));
    if (press.pan || press.stroke || !this.#prompting) return;
    if (!press.dragged && (event.ctrlKey || event.metaKey)) return this.#tools.select(press.at);
    if (press.dragged && event.button === 0) return this.#box(press.at, this.#viewer.toImage(event));
    if (this.#viewer.contains(press.at)) this.#point(press.at, event.button === 0 && !event.altKey);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!this.#viewer.width) return;
    event.preventDefault();
    const box = this.#viewer.canvas.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const factor = Math.exp(-event.deltaY * lines * 0.0015);
    this.#viewer.zoom(factor, event.clientX - box.left, event.clientY - box.top);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#viewer.width || event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 10 : 1;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => this.#step(-step, 0),
      ArrowRight: () => this.#step(step, 0),
      ArrowUp: () => this.#step(0, -step),
      ArrowDown: () => this.#step(0, step),
      b: () => this.#markCorner(this.#step(0, 0)),
      "+": () => this.#viewer.zoom(1.25),
      "=": () => this.#viewer.zoom(1.25),
      "-": () => this.#viewer.zoom(0.8),
      0: () => this.#viewer.fit(),
      o: () => this.#viewer.zoomActual(),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {KeyboardEvent} event */
  #spaceDown(event) {
    const { canvas } = this.#viewer;
    const focused = event.target === canvas;
    // Elsewhere it is a control's own.
    const meant = focused || (event.target === document.body && canvas.matches(":hover"));
    if (event.key !== " " || !meant || !this.#viewer.width || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#space ??= { marks: focused && !this.#press, positive: !event.shiftKey && !event.altKey };
    canvas.classList.add("movable");
  }

  /** @param {KeyboardEvent} event */
  #spaceUp(event) {
    const space = this.#space;
    if (event.key !== " " || !space) return;
    this.#endSpace();
    if (space.marks) this.#mark(this.#step(0, 0), space.positive);
  }

  #endSpace() {
    this.#space = undefined;
    this.#viewer.canvas.classList.remove("movable");
  }

  /** Moves the crosshair, which starts in the middle. @param {number} dx @param {number} dy */
  #step(dx, dy) {
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

  /** A point, or what another tool does where it is pressed. @param {Point} point @param {boolean} positive */
  #mark(point, positive) {
    if (this.#prompting) return this.#point(point, positive);
    // The second press of the keyboard ends a cut.
    if (this.#tools.cutting) return this.#tools.release(point);
    this.#tools.press(point, !positive);
    if (!this.#tools.cutting) this.#tools.release(point);
  }

  /** @param {Point} point */
  #markCorner(point) {
    if (!this.#prompting) return;
    if (!this.#corner) {
      this.#corner = point;
      return;
    }
    const corner = this.#corner;
    this.reset();
    this.#box(corner, point);
  }

  /** @param {Point} from @param {Point} to */
  #boxBetween(from, to) {
    return boxOf(this.#viewer.clamp(from), this.#viewer.clamp(to));
  }

  /** @param {Point} from @param {Point} to */
  #box(from, to) {
    const box = this.#boxBetween(from, to);
    if (box.x1 > box.x0 && box.y1 > box.y0) this.#onPrompt(box);
  }

  /** @param {Point} point @param {boolean} positive */
  #point({ x, y }, positive) {
    this.#onPrompt({ kind: "point", x, y, positive });
  }
}
