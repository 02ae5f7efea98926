// What is done to the objects of the open image, each as one deed of the history.

import { colourOfNumber, paintOf } from "./colours.js";
import { cut, filled, parts, smoothed } from "./regions.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./raster.js").Change} Change */
/** @typedef {import("./regions.js").Region} Region */
/** @typedef {import("./regions.js").Point} Point */
/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {{undo: () => void, redo: () => void}} Companion what is undone and done again along with a deed */

const TOO_MANY = "The image has 65535 labelled objects, which is the most that a 16-bit label image holds; remove some first.";

/** @type {ObjectAttributes} */
const PLAIN = { name: "", classId: null, colour: null, hidden: false, locked: false, iou: null };

export class ObjectEditor {
  /** The selected objects' numbers; the first is the one that a merge keeps. @type {Set<number>} */
  selection = new Set();

  #project;
  #history;
  #viewer;
  #events;

  /**
   * @param {Project} project
   * @param {History} history
   * @param {Viewer} viewer
   * @param {{changed: () => void, failed: (sentence: string) => void}} events
   */
  constructor(project, history, viewer, events) {
    this.#project = project;
    this.#history = history;
    this.#viewer = viewer;
    this.#events = events;
  }

  get labels() {
    return this.#project.current?.labels;
  }

  /** An image was opened. */
  opened() {
    const { labels } = this;
    this.selection.clear();
    if (!labels) return;
    labels.locked = (id) => this.attributes(id).locked;
    this.#viewer.setLabels(labels.ids, (id) => this.#paintOf(id));
  }

  /** @param {number} id @returns {ObjectAttributes} */
  attributes(id) {
    return this.#project.current?.objects.get(id) ?? PLAIN;
  }

  /** What an object is called. @param {number} id */
  nameOf(id) {
    return this.attributes(id).name || `Object ${id}`;
  }

  /** #rrggbb of an object. @param {number} id */
  colourOf(id) {
    const { colour, classId } = this.attributes(id);
    return colour ?? this.#project.classOf(classId)?.colour ?? colourOfNumber(id);
  }

  /** @param {number} id @param {boolean} more keep what is selected, and take this object out of it if it is */
  select(id, more = false) {
    const before = [...this.selection];
    if (!more) this.selection.clear();
    if (more && this.selection.has(id)) this.selection.delete(id);
    else if (id) this.selection.add(id);
    this.#repaint([...before, id]);
    this.#events.changed();
  }

  /** @param {Iterable<number>} ids */
  selectOnly(ids) {
    const before = [...this.selection];
    this.selection = new Set(ids);
    this.#repaint([...before, ...this.selection]);
    this.#events.changed();
  }

  /** A number for a new object; without one the person is told. */
  freeId() {
    const id = this.labels?.freeId;
    if (id === undefined) this.#events.failed(TOO_MANY);
    return id;
  }

  /** @param {number} id an object that is to be changed and is locked @returns {true} */
  tellLocked(id) {
    this.#events.failed(`${this.nameOf(id)} is locked; unlock it first.`);
    return true;
  }

  /** What a new object is, by default of the current class. @param {number | null} [iou] as the model predicts it @returns {ObjectAttributes} */
  fresh(iou = null) {
    return { ...PLAIN, classId: this.#project.currentClass, iou };
  }

  /** Makes the free pixels of a mask an object. @param {Uint8Array} mask @param {number | null} iou @param {Companion} companion */
  accept(mask, iou, companion) {
    const { labels } = this;
    const id = this.freeId();
    if (!labels || id === undefined) return false;
    labels.accept(mask, id);
    const change = labels.finish();
    if (!change) {
      const sentence = mask.some(Boolean)
        ? "All pixels of this mask belong to labelled objects already; erase some of those first, or prompt another object."
        : "This mask has no pixels; paint some or prompt another object.";
      this.#events.failed(sentence);
      return false;
    }
    this.#commit("accept the mask", change, new Map([[id, this.fresh(iou)]]), companion);
    return true;
  }

  /** Gives an object the shape of a mask. @param {number} id @param {Uint8Array} mask @param {number | null} iou @param {Companion} companion */
  refine(id, mask, iou, companion) {
    const { labels } = this;
    if (!labels) return false;
    labels.give(id, 0);
    labels.accept(mask, id);
    const change = labels.finish();
    if (!labels.areaOf(id) && change) {
      labels.undo(change);
      this.#events.failed("The mask has no pixel that is free, so the object stays as it was; prompt it in another way.");
      return false;
    }
    this.#commit("refine the object", change, new Map([[id, { ...this.attributes(id), iou }]]), companion);
    return true;
  }

  /** Ends what was painted or erased. @param {string} what @param {number} [created] the number of a new object */
  finish(what, created) {
    const after = created ? new Map([[created, this.fresh()]]) : undefined;
    this.#commit(what, this.labels?.finish(), after);
  }

  /** @param {Iterable<number>} ids */
  remove(ids) {
    const { labels } = this;
    const gone = this.#unlocked(ids);
    if (!labels || gone.length === 0) return;
    for (const id of gone) labels.give(id, 0);
    this.#commit(gone.length === 1 ? "delete the object" : "delete objects", labels.finish());
  }

  /** Makes one object of those selected. */
  merge() {
    const { labels } = this;
    const ids = this.#unlocked(this.selection);
    if (!labels || ids.length < 2) return;
    for (const id of ids.slice(1)) labels.give(id, ids[0]);
    this.#commit("merge objects", labels.finish());
    this.selectOnly([ids[0]]);
  }

  /** Makes each connected part of the selected objects an object. */
  split() {
    const pieces = this.#eachSelected((id, region) => {
      const [, ...others] = parts(region);
      return this.#separate(id, others);
    });
    if (pieces === 0) this.#events.failed("The selected objects are in one piece each; cut them with the Cut tool, a line across them.");
    else this.#commitNew("split objects");
  }

  /** Cuts the selected objects, or all that are met, along a line. @param {Point} from @param {Point} to */
  cut(from, to) {
    const ids = this.selection.size > 0 ? this.selection : this.#between(from, to);
    const pieces = this.#each(ids, (id, region) => {
      const halves = cut(region, from, to);
      return halves ? this.#separate(id, [halves[1]]) : 0;
    });
    if (pieces > 0) this.#commitNew("cut objects");
  }

  fillHoles() {
    this.#reshapeSelected("fill holes", filled);
  }

  smooth() {
    this.#reshapeSelected("smooth objects", smoothed);
  }

  /** Sets some attributes of objects. @param {string} what @param {Iterable<number>} ids @param {Partial<ObjectAttributes>} changed */
  change(what, ids, changed) {
    const after = new Map([...ids].map((id) => [id, { ...this.attributes(id), ...changed }]));
    if (after.size > 0) this.#commit(what, undefined, after);
  }

  /**
   * Takes over objects for all the image; locked ones stay.
   * @param {string} what @param {Uint32Array} ids width * height @param {Map<number, ObjectAttributes>} [objects]
   */
  replace(what, ids, objects = new Map()) {
    const { labels } = this;
    if (!labels) return;
    labels.replace(ids);
    const change = labels.finish();
    const after = new Map(labels.numbers.filter((id) => !this.attributes(id).locked).map((id) => [id, objects.get(id) ?? PLAIN]));
    this.#commit(what, change, change && after);
  }

  /**
   * Adds objects where pixels are free.
   * @param {string} what @param {Uint32Array} ids width * height, numbered apart from the image's own
   * @param {Map<number, ObjectAttributes>} objects by those numbers
   * @param {number} smallest fewer pixels than that make no object
   * @returns {number} how many were added
   */
  add(what, ids, objects, smallest) {
    const { labels } = this;
    if (!labels) return 0;
    const free = new Map();
    ids.forEach((id, i) => id && !labels.ids[i] && free.set(id, (free.get(id) ?? 0) + 1));
    /** @type {Map<number, number>} */
    const numbers = new Map();
    let next = Math.max(0, ...labels.numbers) + 1;
    for (const [id, area] of free) if (area >= smallest) numbers.set(id, next++);
    if (next - 1 > 65535) {
      this.#events.failed(TOO_MANY);
      return 0;
    }
    ids.forEach((id, i) => {
      const number = numbers.get(id);
      if (number && !labels.ids[i]) labels.set(i, number);
    });
    const after = new Map([...numbers].map(([id, number]) => [number, objects.get(id) ?? this.fresh()]));
    this.#commit(what, labels.finish(), after);
    return numbers.size;
  }

  /** Paints all objects again, as classes have other colours. */
  repaintAll() {
    const { labels } = this;
    if (labels) this.#viewer.labelsChanged({ x0: 0, y0: 0, x1: labels.width, y1: labels.height });
  }

  /** @param {number} id */
  #paintOf(id) {
    return this.attributes(id).hidden ? undefined : paintOf(this.colourOf(id), this.selection.has(id));
  }

  /** @param {Iterable<number>} ids */
  #unlocked(ids) {
    const all = [...ids];
    const free = all.filter((id) => !this.attributes(id).locked);
    if (all.length === 1 && free.length === 0) this.tellLocked(all[0]);
    else if (all.length > 1 && free.length === 0) this.#events.failed("These objects are locked; unlock them first.");
    return free;
  }

  /** @param {string} what @param {(region: Region) => Region} reshape */
  #reshapeSelected(what, reshape) {
    this.#eachSelected((id, region) => {
      this.labels?.reshape(id, reshape(region));
      return 1;
    });
    this.#commit(what, this.labels?.finish());
  }

  /** @param {(id: number, region: Region) => number} each @returns {number} the sum of what `each` returns */
  #eachSelected(each) {
    return this.#each(this.selection, each);
  }

  /** @param {Iterable<number>} ids @param {(id: number, region: Region) => number} each */
  #each(ids, each) {
    let sum = 0;
    for (const id of this.#unlocked(ids)) {
      const region = this.labels?.regionOf(id);
      if (region) sum += each(id, region);
    }
    return sum;
  }

  /** Objects that a separation is making, with what they are. @type {Map<number, ObjectAttributes>} */
  #made = new Map();

  /** Makes regions of an object new objects, like it. @param {number} id @param {Region[]} regions */
  #separate(id, regions) {
    const { labels } = this;
    if (!labels) return 0;
    let next = Math.max(...labels.numbers, ...this.#made.keys()) + 1;
    for (const { x0, y0, width, bits } of regions) {
      if (next > 65535) {
        this.#events.failed(TOO_MANY);
        break;
      }
      bits.forEach((bit, i) => bit && labels.set((y0 + Math.floor(i / width)) * labels.width + x0 + (i % width), next));
      this.#made.set(next++, { ...this.attributes(id), iou: null });
    }
    return regions.length;
  }

  /** @param {string} what */
  #commitNew(what) {
    const made = this.#made;
    this.#made = new Map();
    this.#commit(what, this.labels?.finish(), made);
  }

  /** The objects on the way between two points. @param {Point} from @param {Point} to */
  #between(from, to) {
    const found = new Set();
    const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) + 1;
    for (let step = 0; step <= steps; step++) {
      const part = step / steps;
      found.add(this.labels?.idAt({ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }) ?? 0);
    }
    found.delete(0);
    return found;
  }

  /**
   * @param {string} what @param {Change | undefined} change of the pixels, made already
   * @param {Map<number, ObjectAttributes>} [after] of the objects that get others
   * @param {Companion} [companion]
   */
  #commit(what, change, after = new Map(), companion) {
    const image = this.#project.current;
    if (!image || (!change && after.size === 0)) return;
    /** @type {Map<number, ObjectAttributes | undefined>} */
    const before = new Map([...after.keys()].map((id) => [id, image.objects.get(id)]));
    this.#take(after, change);
    this.#history.push({
      what,
      image: image.id,
      undo: () => {
        if (change) this.labels?.undo(change);
        this.#take(before, change);
        companion?.undo();
      },
      redo: () => {
        if (change) this.labels?.redo(change);
        this.#take(after, change);
        companion?.redo();
      },
    });
  }

  /** @param {Map<number, ObjectAttributes | undefined>} attributes @param {Change | undefined} change what was changed along with them */
  #take(attributes, change) {
    const image = this.#project.current;
    if (!image) return;
    for (const [id, value] of attributes) {
      if (value) image.objects.set(id, value);
      else image.objects.delete(id);
    }
    for (const id of this.selection) if (!this.labels?.areaOf(id)) this.selection.delete(id);
    if (change) this.#viewer.labelsChanged(change.box);
    this.#repaint(attributes.keys());
    this.#project.objectsChanged();
    this.#events.changed();
  }

  /** @param {Iterable<number>} ids */
  #repaint(ids) {
    for (const id of new Set(ids)) {
      const box = this.labels?.boxOf(id);
      if (box) this.#viewer.labelsChanged(box);
    }
  }
}
