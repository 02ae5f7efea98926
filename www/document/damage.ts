// Pixels of the label map or of the draft's mask that look different from before, for the canvas to paint again.

import type { PixelBox } from "./geometry.js";

export class Damage {
  #listeners: ((box: PixelBox) => void)[] = [];

  onDamage(listener: (box: PixelBox) => void) {
    this.#listeners.push(listener);
  }

  add(box: PixelBox) {
    for (const listener of this.#listeners) listener(box);
  }
}
