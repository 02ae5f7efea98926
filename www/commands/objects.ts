// What is done to the objects of the open image, each as one edit of the history.

import { batch, signal } from "../vendor/signals-core.js";
import type { Change } from "../document/changes.js";
import { colourOfNumber } from "../document/colours.js";
import { additionOf } from "../document/free_runs.js";
import { holds, type PixelBox, type Point } from "../document/geometry.js";
import type { History, LinkedEffect } from "../document/history.js";
import { LARGEST_ID, type LabelMap } from "../document/label_map.js";
import { areaOf } from "../document/mask_region.js";
import type { Notices } from "../document/notices.js";
import type { OpenImage, Project } from "../document/project.js";
import { cut, filled, parts, type Region, smoothed } from "../document/regions.js";
import { SlicedWork, type Steps } from "../document/slices.js";
import type { MaskRegion, ObjectAttributes } from "../document/types.js";
import { until } from "../document/watch.js";

const TOO_MANY = "The image has 65535 labelled objects, which is the most that a 16-bit label image holds; remove some first.";

const PLAIN: ObjectAttributes = { name: "", classId: null, colour: null, hidden: false, locked: false, iou: null };

/** What a search found. */
export interface Found {
  /** Runs of width * height numbers of their own, see `pack`. */
  runs: Uint32Array;
  /** By those numbers. */
  attributes: ReadonlyMap<number, ObjectAttributes>;
}

export class ObjectCommands {
  /** A stroke is in hand. */
  readonly painting = signal(false);

  #project;
  #history;
  #notices;
  /** Objects are being added. */
  #adding: SlicedWork<number | undefined> | undefined;
  /** Their pixels are being written. */
  #writing = false;

  constructor(project: Project, history: History, notices: Notices) {
    this.#project = project;
    this.#history = history;
    this.#notices = notices;
    history.onMove(() => void this.editable);
  }

  /** Undefined also for one that was removed from the project while it is still shown. */
  get #image() {
    const current = this.#project.current.peek();
    return current && this.#project.images.peek().includes(current) ? current : undefined;
  }

  get labels(): LabelMap | undefined {
    return this.#image?.labels;
  }

  /** The label map to be changed: objects whose pixels are being written are complete. */
  get editable() {
    if (this.#writing) this.complete();
    return this.labels;
  }

  /** Completes at once what is being added. */
  complete() {
    this.#adding?.complete();
  }

  get selection() {
    return this.#project.selection.peek();
  }

  attributes(id: number): ObjectAttributes {
    return this.#image?.objects.get(id) ?? PLAIN;
  }

  /** What an object is called. */
  nameOf(id: number) {
    return this.attributes(id).name || `Object ${id}`;
  }

  /** The object's colour, #rrggbb. */
  colourOf(id: number) {
    const { colour, classId } = this.attributes(id);
    return colour ?? this.#project.classOf(classId)?.colour ?? colourOfNumber(id);
  }

  /** @param more keep what is selected, and deselect this object if it is selected */
  select(id: number, more = false) {
    const wanted = new Set(more ? this.selection : []);
    if (more && wanted.has(id)) wanted.delete(id);
    else if (id) wanted.add(id);
    this.selectOnly(wanted);
  }

  selectOnly(ids: Iterable<number>) {
    const before = this.selection;
    const wanted = new Set(ids);
    this.#project.selection.value = wanted;
    this.#repaint([...before, ...wanted]);
  }

  selectAll() {
    this.selectOnly(this.labels?.numbers ?? []);
  }

  /** The object at a point, 0 for none. */
  at(point: Point) {
    return this.labels?.idAt(point) ?? 0;
  }

  /** A number for a new object; where there is none the person is told. */
  freeId() {
    const id = this.labels?.freeId;
    if (id === undefined) this.#notices.tell(TOO_MANY);
    return id;
  }

  /** Whether an object that is to be changed is locked, of which the person is told. */
  refuseLocked(id: number) {
    const { locked } = this.attributes(id);
    if (locked) this.#notices.tell(`${this.nameOf(id)} is locked; unlock it first.`);
    return locked;
  }

  /** The attributes of a new object of the current class. @param iou as the model predicts it */
  fresh(iou: number | null = null): ObjectAttributes {
    return { ...PLAIN, classId: this.#project.currentClass.peek(), iou };
  }

  /** Makes the free pixels of a mask an object. @returns whether there were any */
  accept(mask: MaskRegion, iou: number | null, linked: LinkedEffect) {
    const { editable: labels } = this;
    const id = this.freeId();
    if (!labels || id === undefined) return false;
    labels.accept(mask, id);
    const change = labels.finish();
    if (!change) {
      const sentence = areaOf(mask)
        ? "All pixels of this mask belong to labelled objects already; erase some of those first, or prompt another object."
        : "This mask has no pixels; paint some or prompt another object.";
      this.#notices.tell(sentence);
      return false;
    }
    this.#commit("accept the mask", change, new Map([[id, this.fresh(iou)]]), linked);
    return true;
  }

  /** Gives an object the shape of a mask. @returns whether any pixel was free */
  refine(id: number, mask: MaskRegion, iou: number | null, linked: LinkedEffect) {
    const { editable: labels } = this;
    if (!labels) return false;
    if (this.refuseLocked(id)) return false;
    labels.give(id, 0);
    labels.accept(mask, id);
    const change = labels.finish();
    if (!labels.areaOf(id)) {
      if (change) labels.undo(change);
      this.#notices.tell("The mask has no pixel that is free, so the object stays as it was; prompt it in another way.");
      return false;
    }
    this.#commit("refine the object", change, new Map([[id, { ...this.attributes(id), iou }]]), linked);
    return true;
  }

  /** Ends what was painted or erased. @param created the number of a new object */
  finish(label: string, created?: number) {
    const change = this.labels?.finish();
    const after = change && created ? new Map([[created, this.fresh()]]) : undefined;
    this.#commit(label, change, after);
  }

  /** Ends what was given to new objects. */
  create(label: string, made: ReadonlyMap<number, ObjectAttributes>, linked: LinkedEffect) {
    this.#commit(label, this.labels?.finish(), made, linked);
  }

  remove(ids: Iterable<number>) {
    const { editable: labels } = this;
    const gone = this.#unlocked(ids);
    if (!labels || gone.length === 0) return;
    for (const id of gone) labels.give(id, 0);
    this.#commit(gone.length === 1 ? "delete the object" : "delete objects", labels.finish());
  }

  /** Makes one object of the selected ones. */
  merge() {
    const { editable: labels } = this;
    const ids = this.#unlocked(this.selection);
    if (!labels || ids.length < 2) return;
    for (const id of ids.slice(1)) labels.give(id, ids[0]);
    batch(() => {
      this.#commit("merge objects", labels.finish());
      this.selectOnly([ids[0]]);
    });
  }

  /** Makes each connected part of the selected objects an object. */
  split() {
    const made = new Map<number, ObjectAttributes>();
    const ids = this.#unlocked(this.selection);
    if (ids.length === 0) return;
    const pieces = this.#each(ids, (id, region) => this.#separate(id, parts(region).slice(1), made));
    if (pieces === 0) this.#notices.tell("The selected objects are in one piece each; cut them with the Cut tool, a line across them.");
    else this.#commit("split objects", this.labels?.finish(), made);
  }

  /** Cuts the selected objects, or all objects on the line, in two. */
  cut(from: Point, to: Point) {
    const ids = this.selection.size > 0 ? this.selection : this.#between(from, to);
    const made = new Map<number, ObjectAttributes>();
    const pieces = this.#each(ids, (id, region) => {
      const halves = cut(region, from, to);
      return halves ? this.#separate(id, [halves[1]], made) : 0;
    });
    if (pieces > 0) this.#commit("cut objects", this.labels?.finish(), made);
  }

  fillHoles() {
    this.#reshapeSelected("fill holes", filled);
  }

  smooth() {
    this.#reshapeSelected("smooth objects", smoothed);
  }

  /** Sets some attributes of objects. */
  change(label: string, ids: Iterable<number>, changed: Partial<ObjectAttributes>) {
    const after = new Map([...ids].map((id) => [id, { ...this.attributes(id), ...changed }]));
    if (after.size > 0) this.#commit(label, undefined, after);
  }

  /** Replaces all objects except locked ones. @param ids width * height */
  replace(label: string, ids: Uint32Array, objects: ReadonlyMap<number, ObjectAttributes> = new Map()) {
    const { editable: labels } = this;
    if (!labels) return;
    const given = labels.replace(ids);
    const change = labels.finish();
    const replaced = labels.numbers.filter((id) => !this.attributes(id).locked);
    const after = new Map(replaced.map((id) => [id, objects.get(given.get(id) ?? id) ?? PLAIN]));
    this.#commit(label, change, change && after);
  }

  /**
   * Adds objects where pixels are free, in slices between which the page answers.
   * @param smallest an object with fewer free pixels is left out
   * @returns how many were added; undefined: none, for a reason that the person knows
   */
  async add(label: string, found: Found, smallest: number): Promise<number | undefined> {
    const image = this.#image;
    while (this.#adding) await this.#adding.done.catch(() => {});
    if (!image || this.#image !== image) return undefined;
    const adding = new SlicedWork(this.#add(image, label, found, smallest));
    this.#adding = adding;
    try {
      return await adding.done;
    } finally {
      this.#adding = undefined;
    }
  }

  *#add(image: OpenImage, label: string, { runs, attributes }: Found, smallest: number): Steps<number | undefined> {
    const { labels } = image;
    let addition;
    do {
      addition = yield* additionOf(labels, runs, smallest);
      // What is stored while they are written is what was there before.
      yield* labels.packing();
      // A stroke in hand may have a number that is not in the label map yet.
      while (this.painting.peek()) yield until(() => !this.painting.value);
    } while (addition.version !== labels.version);
    const { change, numbers, largest } = addition;
    if (this.#image !== image) return undefined;
    if (largest > LARGEST_ID) {
      this.#notices.tell(TOO_MANY);
      return undefined;
    }
    if (!change) return 0;
    this.#writing = true;
    yield* labels.redoing(change);
    this.#writing = false;
    // Its image may have been removed from the project meanwhile.
    if (this.#image !== image) labels.undo(change);
    else this.#commit(label, change, new Map([...numbers].map(([id, number]) => [number, attributes.get(id) ?? this.fresh()])));
    return this.#image === image ? numbers.size : undefined;
  }

  #unlocked(ids: Iterable<number>) {
    const all = [...ids];
    const free = all.filter((id) => !this.attributes(id).locked);
    if (all.length === 1 && free.length === 0) this.refuseLocked(all[0]);
    else if (all.length > 1 && free.length === 0) this.#notices.tell("These objects are locked; unlock them first.");
    return free;
  }

  #reshapeSelected(label: string, reshape: (region: Region) => Region) {
    this.#each(this.selection, (id, region) => {
      this.labels?.reshape(id, reshape(region));
      return 1;
    });
    this.#commit(label, this.labels?.finish());
  }

  /** @returns the sum of what `each` returns */
  #each(ids: Iterable<number>, each: (id: number, region: Region) => number) {
    let sum = 0;
    const { editable: labels } = this;
    for (const id of this.#unlocked(ids)) {
      const region = labels?.regionOf(id);
      if (region) sum += each(id, region);
    }
    return sum;
  }

  /** Makes new objects of regions of an object, with its attributes. @param made collects them @returns how many regions there were */
  #separate(id: number, regions: Region[], made: Map<number, ObjectAttributes>) {
    const { labels } = this;
    if (!labels) return 0;
    let next = Math.max(...labels.numbers, ...made.keys()) + 1;
    for (const { x0, y0, width, bits } of regions) {
      if (next > LARGEST_ID) {
        this.#notices.tell(TOO_MANY);
        break;
      }
      bits.forEach((bit, i) => bit && labels.set((y0 + Math.floor(i / width)) * labels.width + x0 + (i % width), next));
      made.set(next++, { ...this.attributes(id), iou: null });
    }
    return regions.length;
  }

  /** The objects on the line between two points. */
  #between(from: Point, to: Point) {
    const found = new Set<number>();
    const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) + 1;
    for (let step = 0; step <= steps; step++) {
      const part = step / steps;
      found.add(this.at({ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }));
    }
    found.delete(0);
    return found;
  }

  /**
   * @param change of the pixels, made already
   * @param attributes of objects that get others
   */
  #commit(label: string, change: Change | undefined, attributes: ReadonlyMap<number, ObjectAttributes> = new Map(), linked?: LinkedEffect) {
    const image = this.#image;
    if (!image || (!change && attributes.size === 0)) return;
    const after = new Map<number, ObjectAttributes | undefined>(attributes);
    // What is known of an object goes with its last pixel.
    for (const id of image.objects.keys()) if (!image.labels.areaOf(id)) after.set(id, undefined);
    const before = new Map([...after.keys()].map((id) => [id, image.objects.get(id)]));
    batch(() => {
      this.#take(image, after, change);
      this.#history.push({
        label,
        image: image.id,
        undo: () =>
          batch(() => {
            if (change) this.labels?.undo(change);
            this.#take(this.#image, before, change);
            linked?.undo();
          }),
        redo: () =>
          batch(() => {
            if (change) this.labels?.redo(change);
            this.#take(this.#image, after, change);
            linked?.redo();
          }),
      });
    });
  }

  /** @param change what was changed together with the attributes */
  #take(image: OpenImage | undefined, attributes: ReadonlyMap<number, ObjectAttributes | undefined>, change: Change | undefined) {
    if (!image) return;
    for (const [id, value] of attributes) {
      if (value) image.objects.set(id, value);
      else image.objects.delete(id);
    }
    const selected = [...this.selection].filter((id) => image.labels.areaOf(id));
    if (selected.length < this.selection.size) this.#project.selection.value = new Set(selected);
    if (change) this.#project.damage.add(change.box);
    this.#repaint(attributes.keys(), change?.box);
    this.#project.objectsChanged(image);
  }

  /** @param done is being painted again already */
  #repaint(ids: Iterable<number>, done?: PixelBox) {
    for (const id of new Set(ids)) {
      const box = this.labels?.boxOf(id);
      if (box && !(done && holds(done, box))) this.#project.damage.add(box);
    }
  }
}
