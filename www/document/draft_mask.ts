// The predicted mask with the person's corrections, which outlast further predictions until the draft is accepted or
// cleared.

import type { PixelBox, Point } from "./geometry.js";
import { type Change, Raster, sweep } from "./raster.js";
import { pack, unpack } from "./runs.js";

const [UNTOUCHED, ADDED, REMOVED] = [0, 1, 2];

export class DraftMask {
  /** The prediction with the corrections: 255 inside, 0 outside. */
  mask: Uint8Array | undefined;
  #width;
  #height;
  #predicted: Uint8Array | undefined;
  #edits: Raster<Uint8Array> | undefined;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
  }

  get corrected() {
    return this.#edits?.values.some(Boolean) ?? false;
  }

  /** The corrections as runs, to be put back with `correctAs`; undefined: there are none. */
  get corrections() {
    return this.#edits && this.corrected ? pack(this.#edits.values) : undefined;
  }

  /** @param corrections those of an earlier mask */
  correctAs(corrections: Uint32Array | undefined) {
    const length = this.#width * this.#height;
    this.#edits = corrections && new Raster(Uint8Array.from(unpack(corrections, length)), this.#width, this.#height);
    this.mask = this.#predicted?.slice();
    this.#applyEdits(this.#whole);
  }

  /** @param mask a new prediction; null: there is none any more */
  predict(mask: Uint8Array | null) {
    if (!mask) this.#edits = undefined;
    this.#predicted = mask ?? undefined;
    this.mask = mask?.slice();
    this.#applyEdits(this.#whole);
  }

  /** A stroke of the brush, which `finish` ends. */
  paint(from: Point, to: Point, diameter: number, add: boolean): PixelBox | undefined {
    if (!this.mask) return;
    const { mask } = this;
    const edits = this.#editable();
    const box = sweep(from, to, diameter, this.#width, this.#height, (start, end) => {
      for (let i = start; i < end; i++) {
        if (mask[i] > 0 !== add) edits.set(i, add ? ADDED : REMOVED);
      }
    });
    if (box) this.#applyEdits(box);
    return box;
  }

  finish(): Change | undefined {
    return this.#edits?.finish();
  }

  /** @param change a stroke */
  undo(change: Change) {
    this.#editable().undo(change);
    this.#applyEdits(change.box);
  }

  /** @param change a stroke that was undone */
  redo(change: Change) {
    this.#editable().redo(change);
    this.#applyEdits(change.box);
  }

  get #whole(): PixelBox {
    return { x0: 0, y0: 0, x1: this.#width, y1: this.#height };
  }

  #editable() {
    return (this.#edits ??= new Raster(new Uint8Array(this.#width * this.#height), this.#width, this.#height));
  }

  #applyEdits({ x0, y0, x1, y1 }: PixelBox) {
    if (!this.mask || !this.#predicted || !this.#edits) return;
    for (let y = y0; y < y1; y++) {
      for (let i = y * this.#width + x0; i < y * this.#width + x1; i++) {
        const edit = this.#edits.values[i];
        this.mask[i] = edit === UNTOUCHED ? this.#predicted[i] : edit === ADDED ? 255 : 0;
      }
    }
  }
}
