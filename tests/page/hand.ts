// Pointers on a canvas without a browser. What they do reaches a desk's commands.

import { Pointer } from "../../www/canvas/pointer.js";
import type { Viewer } from "../../www/canvas/viewer.js";
import type { Workbench } from "../../www/commands/workbench.js";
import type { Box, Point } from "../../www/document/geometry.js";
import type { Desk } from "./desk.js";

class StandInCanvas extends EventTarget {
  readonly classList = { add: () => {}, remove: () => {} };
  setPointerCapture() {}
}

/** A viewer that draws nothing. */
class StandInViewer {
  readonly canvas = new StandInCanvas();
  readonly width;
  readonly height;
  scale = 1;
  offset: Point = { x: 0, y: 0 };
  band: Box | undefined;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
  }

  setCrosshair() {}

  setBand(band: Box | undefined) {
    this.band = band;
  }

  pan(dx: number, dy: number) {
    this.offset = { x: this.offset.x + dx, y: this.offset.y + dy };
  }

  toImage({ clientX, clientY }: { clientX: number; clientY: number }): Point {
    return { x: (clientX - this.offset.x) / this.scale, y: (clientY - this.offset.y) / this.scale };
  }

  contains({ x, y }: Point) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height;
  }

  clamp({ x, y }: Point): Point {
    return { x: Math.min(this.width, Math.max(0, x)), y: Math.min(this.height, Math.max(0, y)) };
  }
}

type Kind = "down" | "move" | "up" | "cancel";

export class Hand {
  readonly viewer: StandInViewer;
  readonly pointer: Pointer;

  constructor(desk: Desk) {
    const nowhere = { addEventListener: () => {} };
    Object.assign(globalThis, { document: nowhere, window: nowhere });
    this.viewer = new StandInViewer(desk.info.width, desk.info.height);
    const preview = { point: () => {}, clear: () => {} };
    const bench = { ...desk, session: { preview } } as unknown as Workbench;
    this.pointer = new Pointer(this.viewer as unknown as Viewer, bench);
  }

  /** @param details besides, such as `button` or `pointerType` */
  does(kind: Kind, clientX: number, clientY: number, details: Record<string, unknown> = {}) {
    const event = Object.assign(new Event(`pointer${kind}`), {
      clientX,
      clientY,
      pointerId: 1,
      pointerType: "mouse",
      button: kind === "move" ? -1 : 0,
      ...details,
    });
    this.viewer.canvas.dispatchEvent(event);
  }
}
