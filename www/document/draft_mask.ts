// The predicted mask with the person's corrections, which outlast further predictions until the draft is accepted or
// cleared. Both lie within their boxes.

import { BoxedPlane } from "./boxed_plane.js";
import { type Change, ChangeRecorder } from "./changes.js";
import type { PixelBox, Point } from "./geometry.js";
import { runsOf, visitInside } from "./mask_region.js";
import { sweep } from "./raster.js";
import type { MaskRegion } from "./types.js";

const [UNTOUCHED, ADDED, REMOVED] = [0, 1, 2];

export class DraftMask {
  #width;
  #height;
  #predicted: MaskRegion | undefined;
  /** The prediction with the corrections, once there are some. */
  #shown: BoxedPlane | undefined;
  #edits: BoxedPlane | undefined;
  #recorder;
  /** The edits as runs; null: they have to be made. */
  #runs: Uint32Array<ArrayBuffer> | undefined | null;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#recorder = new ChangeRecorder(width);
  }

  /** The prediction with the corrections. */
  get mask(): MaskRegion | undefined {
    return this.#shown ?? this.#predicted;
  }

  get corrected() {
    return this.corrections !== undefined;
  }

  /** The corrections as runs, to be put back with `correctAs`; undefined: there are none. */
  get corrections() {
    if (this.#runs === null) this.#runs = this.#edits?.bits.some(Boolean) ? runsOf(this.#edits, this.#width, this.#height) : undefined;
    return this.#runs;
  }

  /** @param corrections those of an earlier mask */
  correctAs(corrections: Uint32Array | undefined) {
    this.#edits = corrections && BoxedPlane.fromRuns(corrections, this.#width, this.#height);
    this.#runs = null;
    this.#showAll();
  }

  /** @param mask a new prediction, which is not copied; null: there is none any more */
  predict(mask: MaskRegion | null) {
    if (!mask) {
      this.#edits = undefined;
      this.#runs = undefined;
    }
    this.#predicted = mask ?? undefined;
    this.#showAll();
  }

  /** A stroke of the brush, which `finish` ends. */
  paint(from: Point, to: Point, diameter: number, add: boolean): PixelBox | undefined {
    const shown = this.#ownShown();
    if (!shown) return;
    const edits = this.#editable();
    const edit = add ? ADDED : REMOVED;
    return sweep(from, to, diameter, this.#width, this.#height, (start, end) => {
      for (let i = start; i < end; i++) {
        if (shown.at(i) > 0 === add) continue;
        this.#recorder.add(i, edits.at(i), edit);
        edits.fill(i, i + 1, edit);
        shown.fill(i, i + 1, add ? 255 : 0);
      }
    });
  }

  finish(): Change | undefined {
    return this.#recorder.finish();
  }

  /** @param change a stroke */
  undo({ runs }: Change) {
    for (let at = runs.length - 4; at >= 0; at -= 4) this.#edit(runs[at], runs[at + 1], runs[at + 2]);
  }

  /** @param change a stroke that was undone */
  redo({ runs }: Change) {
    for (let at = 0; at < runs.length; at += 4) this.#edit(runs[at], runs[at + 1], runs[at + 3]);
  }

  #editable() {
    this.#runs = null;
    return (this.#edits ??= new BoxedPlane(this.#width, this.#height));
  }

  #ownShown() {
    if (this.#predicted) this.#shown ??= BoxedPlane.copyOf(this.#predicted, this.#width, this.#height);
    return this.#shown;
  }

  #edit(start: number, length: number, edit: number) {
    this.#editable().fill(start, start + length, edit);
    const shown = this.#ownShown();
    if (!shown) return;
    if (edit !== UNTOUCHED) return shown.fill(start, start + length, edit === ADDED ? 255 : 0);
    for (let i = start; i < start + length; i++) shown.fill(i, i + 1, this.#predictedAt(i));
  }

  #predictedAt(i: number) {
    if (!this.#predicted) return 0;
    const { x0, y0, x1, y1, bits } = this.#predicted;
    const y = Math.floor(i / this.#width);
    const x = i - y * this.#width;
    return x >= x0 && x < x1 && y >= y0 && y < y1 ? bits[(y - y0) * (x1 - x0) + x - x0] : 0;
  }

  /** After another prediction, or with other corrections. */
  #showAll() {
    this.#shown = undefined;
    const edits = this.#edits;
    if (!edits || !this.corrected) return;
    const shown = this.#ownShown();
    visitInside(edits, this.#width, (start, end) => {
      for (let i = start; i < end; i++) shown?.fill(i, i + 1, edits.at(i) === ADDED ? 255 : 0);
    });
  }
}
