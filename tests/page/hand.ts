// Pointers on a canvas without a browser. What they do reaches a desk's commands.

import { Pointer } from "../../www/canvas/pointer.js";
import { Viewer } from "../../www/canvas/viewer.js";
import type { Workbench } from "../../www/commands/workbench.js";
import type { Desk } from "./desk.js";

/** CSS pixels of the canvas, and where it is in the window. */
export const CANVAS = { width: 300, height: 200, left: 40, top: 30 };

class StandInCanvas extends EventTarget {
  readonly clientWidth = CANVAS.width;
  readonly clientHeight = CANVAS.height;
  readonly classList = { add: () => {}, remove: () => {} };
  readonly dataset = {};
  getContext() {
    return {};
  }
  getBoundingClientRect() {
    return CANVAS;
  }
  setPointerCapture() {}
}

/** What of the window is asked for; nothing is drawn. */
const WINDOW = {
  document: { addEventListener: () => {} },
  window: { addEventListener: () => {}, devicePixelRatio: 1 },
  requestAnimationFrame: () => 1,
  ResizeObserver: class {
    observe() {}
  },
};

type Kind = "down" | "move" | "up" | "cancel";

export class Hand {
  readonly viewer: Viewer;
  readonly pointer: Pointer;
  #canvas = new StandInCanvas();

  constructor(desk: Desk) {
    Object.assign(globalThis, WINDOW);
    this.viewer = new Viewer(this.#canvas as unknown as HTMLCanvasElement);
    this.viewer.setSize(desk.info.width, desk.info.height);
    const session = { preview: { point: () => {}, clear: () => {} } };
    this.pointer = new Pointer(this.viewer, { ...desk, session } as unknown as Workbench);
  }

  /** @param details besides, such as `button` or `pointerType` */
  does(kind: Kind, clientX: number, clientY: number, details: Record<string, unknown> = {}) {
    const event = Object.assign(new Event(`pointer${kind}`), {
      clientX,
      clientY,
      pointerId: 1,
      pointerType: "mouse",
      isPrimary: true,
      button: kind === "move" ? -1 : 0,
      ...details,
    });
    this.#canvas.dispatchEvent(event);
  }

  /** @param finger 1 for the first one */
  touches(kind: Kind, clientX: number, clientY: number, finger = 1) {
    this.does(kind, clientX, clientY, { pointerId: 10 + finger, pointerType: "touch", isPrimary: finger === 1 });
  }

  /** Where a point of the image is in the window. */
  placeOf(x: number, y: number): [number, number] {
    const { scale, offset } = this.viewer;
    return [CANVAS.left + offset.x + x * scale, CANVAS.top + offset.y + y * scale];
  }
}
