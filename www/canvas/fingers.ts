// Two fingers on a canvas zoom and move the image, as if it were stuck to them.

import type { Point } from "../document/geometry.js";
import type { Viewer } from "./viewer.js";

type Finger = Pick<PointerEvent, "pointerId" | "clientX" | "clientY">;
/** Where two fingers are: the point between them, and their distance in CSS pixels. */
type Pinch = Point & { distance: number };

export class Fingers {
  #viewer;
  #down = new Map<number, Finger>();
  #pinching = false;

  constructor(viewer: Pick<Viewer, "pan" | "zoomAt">) {
    this.#viewer = viewer;
  }

  /** A finger is put down. @returns whether it belongs to a pinch, which begins with the second finger */
  down({ pointerId, clientX, clientY, isPrimary }: Finger & Pick<PointerEvent, "isPrimary">) {
    // The browser may not have told where the last one went.
    if (isPrimary) this.#clear();
    this.#down.set(pointerId, { pointerId, clientX, clientY });
    if (this.#down.size > 1) this.#pinching = true;
    return this.#pinching;
  }

  /** @returns whether the finger belongs to a pinch */
  move({ pointerId, clientX, clientY }: Finger) {
    if (!this.#pinching || !this.#down.has(pointerId)) return false;
    const before = this.#pinch;
    this.#down.set(pointerId, { pointerId, clientX, clientY });
    const after = this.#pinch;
    if (!before || !after) return true;
    this.#viewer.pan(after.x - before.x, after.y - before.y);
    this.#viewer.zoomAt(after.distance / before.distance, { clientX: after.x, clientY: after.y });
    return true;
  }

  /** A finger is lifted. @returns whether it belonged to a pinch, which ends with the last finger */
  up({ pointerId }: Pick<PointerEvent, "pointerId">) {
    const pinched = this.#pinching && this.#down.delete(pointerId);
    this.#down.delete(pointerId);
    if (this.#down.size === 0) this.#clear();
    return pinched;
  }

  get #pinch(): Pinch | undefined {
    const [a, b] = this.#down.values();
    if (!b) return;
    // Fingers on one point would zoom without end.
    const distance = Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
    return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, distance };
  }

  #clear() {
    this.#down.clear();
    this.#pinching = false;
  }
}
