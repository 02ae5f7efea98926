// The label map of one image: an object's number per pixel, 0 for background, NOT_ANNOTATED for neither. Locked objects keep all their pixels.

import { boxOfRun } from "./changes.js";
import { holds, type PixelBox, type Point, union } from "./geometry.js";
import { visitInside } from "./mask_region.js";
import { Raster, sweep } from "./raster.js";
import type { Region } from "./regions.js";
import { isObject, NOT_ANNOTATED, pack, unpack } from "./runs.js";
import { atOnce, inSlices, type Steps } from "./slices.js";
import type { MaskRegion } from "./types.js";

/** The largest number that a 16-bit label image holds. */
export const LARGEST_ID = 65535;
/** Rows that are packed together; only bands that changed are packed again. */
const BAND = 64;

export class LabelMap extends Raster {
  /** Objects whose pixels stay as they are. */
  locked: (id: number) => boolean = () => false;
  /** Pixels of each object, and a box that holds them all; it does not shrink. */
  #objects = new Map<number, { area: number; box: PixelBox }>();
  #notAnnotated = 0;
  /** The runs of each band of rows; undefined where they have changed. */
  #packed: (Uint32Array<ArrayBuffer> | undefined)[] = [];

  /** @param runs of width * height object numbers, see `pack` */
  constructor(runs: Uint32Array, width: number, height: number) {
    super(unpack(runs, width * height), width, height);
    for (let i = 0, start = 0; i < runs.length; i += 2) {
      this.runChanged(start, runs[i], 0, runs[i + 1]);
      start += runs[i];
    }
  }

  get ids() {
    return this.values;
  }

  /** Pixels of which nobody has said what they are. */
  get notAnnotated() {
    return this.#notAnnotated;
  }

  /** How many objects there are. */
  get objects() {
    return this.#objects.size;
  }

  /** The objects' numbers, in ascending order. */
  get numbers() {
    return [...this.#objects.keys()].sort((a, b) => a - b);
  }

  /** Pixels of an object. */
  areaOf(id: number) {
    return this.#objects.get(id)?.area ?? 0;
  }

  /** Holds all of an object's pixels. */
  boxOf(id: number) {
    return this.#objects.get(id)?.box;
  }

  /** The longer side of half of the objects is at most this, in pixels; 0: there are none. */
  get usualExtent() {
    const sides = [...this.#objects.values()].map(({ box }) => Math.max(box.x1 - box.x0, box.y1 - box.y0));
    return sides.sort((a, b) => a - b)[(sides.length - 1) >> 1] ?? 0;
  }

  /** The object at an image point, 0 for none. */
  idAt({ x, y }: Point) {
    const inside = x >= 0 && y >= 0 && x < this.width && y < this.height;
    const id = inside ? this.values[Math.floor(y) * this.width + Math.floor(x)] : 0;
    return isObject(id) ? id : 0;
  }

  /** A number that no object has; undefined if a label image can hold no more. */
  get freeId() {
    let highest = 0;
    for (const id of this.#objects.keys()) highest = Math.max(highest, id);
    if (highest < LARGEST_ID) return highest + 1;
    for (let id = 1; id < LARGEST_ID; id++) if (!this.#objects.has(id)) return id;
    return undefined;
  }

  /** The runs of all object numbers. A change that is being made in steps is not among them until it is finished. */
  pack() {
    atOnce(this.packing());
    return this.#joined();
  }

  /** Packs in slices, between which the page answers, until `pack` has nothing left to do but to join. */
  async packAhead() {
    while (this.#unpacked) await inSlices(this.packing());
  }

  /** Packs what has changed, in steps. */
  *packing(): Steps<void> {
    const { width, height, values } = this;
    for (let y = 0, band = 0; y < height; y += BAND, band++) {
      if (this.#packed[band]) continue;
      this.#packed[band] = pack(values, y * width, Math.min(height, y + BAND) * width);
      yield;
    }
  }

  /** Gives the free pixels of a mask to an object. Ends with `finish`. @returns how many there were */
  accept(mask: MaskRegion, id: number) {
    let given = 0;
    visitInside(mask, this.width, (start, end) => (given += this.fillFree(start, end, id)));
    return given;
  }

  /** Gives free pixels to an object, never those of another one. Ends with `finish`. @returns how many there were */
  fillFree(start: number, end: number, id: number) {
    let given = 0;
    for (let i = start; i < end; i++) {
      if (isObject(this.values[i])) continue;
      this.set(i, id);
      given += 1;
    }
    return given;
  }

  /** A stroke of the brush. Ends with `finish`. */
  paint(from: Point, to: Point, diameter: number, id: number) {
    return sweep(from, to, diameter, this.width, this.height, (start, end) => this.fillFree(start, end, id));
  }

  /**
   * Turns into background what the brush covers of these objects, or of all and of what is not annotated. Ends with
   * `finish`.
   * @param only empty: all
   */
  erase(from: Point, to: Point, diameter: number, only: ReadonlySet<number>) {
    return sweep(from, to, diameter, this.width, this.height, (start, end) => {
      for (let i = start; i < end; i++) {
        const id = this.values[i];
        if (id && !this.locked(id) && (only.size === 0 || only.has(id))) this.set(i, 0);
      }
    });
  }

  /** Gives all of an object's pixels to another one, or to the background. Ends with `finish`. */
  give(id: number, to: number) {
    this.#visit(id, (i) => this.set(i, to));
  }

  /** An object's pixels, with a margin of one background pixel all round. */
  regionOf(id: number): Region | undefined {
    const box = this.boxOf(id);
    if (!box) return;
    const region = { x0: box.x0 - 1, y0: box.y0 - 1, width: box.x1 - box.x0 + 2, height: box.y1 - box.y0 + 2 };
    const bits = new Uint8Array(region.width * region.height);
    this.#visit(id, (_, x, y) => (bits[(y - region.y0) * region.width + x - region.x0] = 1));
    return { ...region, bits };
  }

  /**
   * Gives an object the shape of a region: its pixels outside become background, free ones inside become its own.
   * Ends with `finish`.
   */
  reshape(id: number, { x0, y0, width, height, bits }: Region) {
    this.#visit(id, (i, x, y) => {
      const inside = x >= x0 && y >= y0 && x < x0 + width && y < y0 + height && bits[(y - y0) * width + x - x0];
      if (!inside) this.set(i, 0);
    });
    const [left, right] = [Math.max(0, x0), Math.min(this.width, x0 + width)];
    for (let y = Math.max(0, y0); y < Math.min(this.height, y0 + height); y++) {
      for (let x = left; x < right; x++) {
        const i = y * this.width + x;
        if (bits[(y - y0) * width + x - x0] && !isObject(this.values[i])) this.set(i, id);
      }
    }
  }

  /**
   * Puts other objects in the place of all but the locked ones. Ends with `finish`.
   * @param ids width * height
   * @returns by their numbers here, what those objects were called in `ids` whose number a locked one has
   */
  replace(ids: Uint32Array): Map<number, number> {
    // New objects whose number a locked one has get another number.
    const renamed = new Map<number, number>();
    const locked = this.numbers.filter((id) => this.locked(id));
    let free =
      Math.max(
        0,
        ...locked,
        ids.reduce((highest, id) => (isObject(id) ? Math.max(highest, id) : highest), 0),
      ) + 1;
    for (const id of locked) renamed.set(id, free++);
    for (let i = 0; i < ids.length; i++) {
      if (!this.locked(this.values[i])) this.set(i, renamed.get(ids[i]) ?? ids[i]);
    }
    return new Map([...renamed].map(([given, here]) => [here, given]));
  }

  protected override runChanged(start: number, length: number, before: number, after: number) {
    if (before === NOT_ANNOTATED) this.#notAnnotated -= length;
    const object = this.#objects.get(before);
    if (object && (object.area -= length) === 0) this.#objects.delete(before);
    if (after === NOT_ANNOTATED) this.#notAnnotated += length;
    if (!isObject(after)) return;
    const box = boxOfRun(start, length, this.width);
    const grown = this.#objects.get(after);
    if (!grown) this.#objects.set(after, { area: length, box });
    else {
      grown.area += length;
      if (!holds(grown.box, box)) grown.box = union(grown.box, box);
    }
  }

  protected override boxChanged({ y0, y1 }: PixelBox) {
    for (let band = Math.floor(y0 / BAND); band * BAND < y1; band++) this.#packed[band] = undefined;
  }

  /** There are bands that have changed since they were packed. */
  get #unpacked() {
    for (let band = 0; band * BAND < this.height; band++) if (!this.#packed[band]) return true;
    return false;
  }

  #joined() {
    const runs = new Uint32Array(this.#packed.reduce((sum, band) => sum + (band?.length ?? 0), 0));
    let at = 0;
    for (const band of this.#packed) {
      runs.set(band ?? [], at);
      at += band?.length ?? 0;
    }
    return runs;
  }

  #visit(id: number, each: (i: number, x: number, y: number) => void) {
    const box = this.boxOf(id);
    if (!box) return;
    for (let y = box.y0; y < box.y1; y++) {
      for (let x = box.x0, i = y * this.width + x; x < box.x1; x++, i++) if (this.values[i] === id) each(i, x, y);
    }
  }
}
