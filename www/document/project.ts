// The images of the project with their objects and classes: which they are, in which order, which is open, which are
// done or held out.

import { batch, computed, signal } from "../vendor/signals-core.js";
import type { Display } from "../engine/graysam.js";
import { channelsOf, sameChannels } from "./channels.js";
import { sameSource, supplies } from "./content.js";
import { Damage } from "./damage.js";
import { holds } from "./geometry.js";
import { LabelMap } from "./label_map.js";
import { distinct } from "./runs.js";
import type { Suggestion } from "./suggestion.js";
import { type SuggestedImage, Suggestions } from "./suggestions.js";
import type { ImageSource, ObjectAttributes, ObjectClass, StoredPicture } from "./types.js";

/** An image of the project. Only `Project` and the commands change its fields, and tell `Project.touched` of it. */
export class ProjectImage implements SuggestedImage {
  readonly id: string;
  readonly name: string;
  source: ImageSource;
  /** As it was when it was shown last. */
  display: Display | undefined;
  /** 0 until it has been opened. */
  width = 0;
  height = 0;
  /** The objects as they were when it was closed, as runs. */
  packed: Uint32Array = new Uint32Array(0);
  /** The objects, while it is open. */
  labels: LabelMap | undefined;
  /** What is known of the objects besides their pixels, by number. */
  readonly objects = new Map<number, ObjectAttributes>();
  suggestions: readonly Suggestion[] = [];
  rejected: readonly Suggestion[] = [];
  searchedBy = "";
  /** The person's choice; undefined: the default. */
  heldOut: boolean | undefined;
  /** The person has finished with it. */
  done = false;
  thumbnail: Blob | StoredPicture | undefined;
  /** Grows with every change of the objects, and of what was thrown away. */
  revision = 0;

  constructor(source: ImageSource, id = newId()) {
    this.id = id;
    this.name = source.name;
    this.source = source;
  }

  /** The objects as they are now, as runs. */
  runs() {
    return this.labels?.pack() ?? this.packed;
  }

  /** The objects as they are at one moment; they are packed in slices, between which the page answers. */
  async packedObjects(): Promise<PackedObjects> {
    const { labels } = this;
    await labels?.packAhead();
    // It may have been closed, or opened again, in the meantime.
    if (this.labels !== labels) return this.packedObjects();
    return { runs: this.runs(), revision: this.revision, objects: new Map(this.objects), rejected: this.rejected };
  }

  get objectCount() {
    if (this.labels) return this.labels.objects;
    const count = counts.get(this.packed) ?? distinct(this.packed);
    counts.set(this.packed, count);
    return count;
  }
}

/** An image's objects as they were at one moment. */
export interface PackedObjects {
  runs: Uint32Array;
  /** Of the image, as it was then. */
  revision: number;
  /** What was known of them besides their pixels. */
  objects: ReadonlyMap<number, ObjectAttributes>;
  /** Suggestions that the person threw away. */
  rejected: readonly Suggestion[];
}

/** An image while it is open. */
export type OpenImage = ProjectImage & { labels: LabelMap; display: Display };

/** An image with objects to train on. */
export interface LabelledImage {
  id: string;
  name: string;
  source: ImageSource;
  display: Display;
  width: number;
  height: number;
  heldOut: boolean;
  objects: number;
  runs(): Uint32Array;
}

/** What storage keeps of a project. */
export interface RestoredProject {
  images: ProjectImage[];
  classes: ObjectClass[];
  currentClass: string | null;
}

/** Object counts of images that are not open. */
const counts = new WeakMap<Uint32Array, number>();

function newId() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}

function isMissing(source: ImageSource) {
  return source.kind === "file" && source.missing === true;
}

export function sameDisplay(a: Display | undefined, b: Display | undefined) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** By default the last quarter of the images is held out, at least one and never all; a single image never is. */
export function heldOutOf(choices: (boolean | undefined)[]): boolean[] {
  if (choices.length < 2) return choices.map(() => false);
  const first = choices.length - Math.max(1, Math.round(choices.length / 4));
  const heldOut = choices.map((choice, i) => choice ?? i >= first);
  if (heldOut.every(Boolean)) heldOut[Math.max(0, choices.indexOf(undefined))] = false;
  return heldOut;
}

export class Project {
  /** In the person's order. The array is another one after every change of an image, its objects included. */
  readonly images = signal<readonly ProjectImage[]>([]);
  readonly current = signal<OpenImage | undefined>(undefined);
  /** Counts the changes of objects, in whichever image. */
  readonly objectChanges = signal(0);
  readonly classes = signal<readonly ObjectClass[]>([]);
  /** The class of new objects. */
  readonly currentClass = signal<string | null>(null);
  /** The selected objects' numbers; the first is the one that a merge keeps. */
  readonly selection = signal<ReadonlySet<number>>(new Set());
  /** Of the current image's label map, or of how its objects are painted. */
  readonly damage = new Damage();
  readonly suggestions = new Suggestions(this.current, this.objectChanges, this.damage);

  /** How the current image is displayed. */
  readonly display = computed(() => {
    void this.images.value;
    return this.current.value?.display;
  });

  /** The images with a file and at least one object, in the project's order. */
  readonly labelled = computed<LabelledImage[]>(() => {
    const images = this.images.value.filter((image) => image.objectCount > 0 && !isMissing(image.source));
    const heldOut = heldOutOf(images.map((image) => image.heldOut));
    return images.map((image, i) => ({
      id: image.id,
      name: image.name,
      source: image.source,
      display: image.display as Display,
      width: image.width,
      height: image.height,
      heldOut: heldOut[i],
      objects: image.objectCount,
      runs: () => image.runs(),
    }));
  });

  #closing: (() => void)[] = [];

  classOf(id: string | null) {
    return this.classes.value.find((one) => one.id === id);
  }

  imageOf(id: string) {
    return this.images.peek().find((image) => image.id === id);
  }

  /** The image of this source, if the project has it. */
  find(source: ImageSource) {
    const images = this.images.peek();
    return images.find((image) => image.source === source) ?? images.find((image) => sameSource(image.source, source));
  }

  /** @param listener called before an image is closed, to end what is half done on it */
  onClose(listener: () => void) {
    this.#closing.push(listener);
  }

  /** Gives files to the images that ask for them, whichever of their pages. @param sources identified ones */
  supply(sources: ImageSource[]) {
    const asking = this.images.peek().filter(({ source }) => isMissing(source));
    for (const image of asking) {
      const found = sources.find((source) => supplies(source, image.source));
      if (found) image.source = { ...found, page: image.source.page };
    }
    if (asking.length > 0) this.touched();
  }

  /** Adds images that have not been opened yet, except those that are here already. @param sources identified ones */
  add(sources: ImageSource[]) {
    const images = [...this.images.peek()];
    for (const source of sources) {
      if (!images.some((image) => sameSource(image.source, source))) images.push(new ProjectImage(source));
    }
    this.images.value = images;
  }

  /** Makes an opened image the current one; its objects and display come back if it had been opened before. */
  open(source: ImageSource, width: number, height: number, display: Display): OpenImage {
    return batch(() => {
      this.close();
      let image = this.find(source);
      if (image?.width && (image.width !== width || image.height !== height)) image = undefined;
      if (!image) {
        image = new ProjectImage(source);
        this.images.value = [...this.images.peek(), image];
      }
      if (!image.width) Object.assign(image, { width, height, packed: Uint32Array.of(width * height, 0) });
      const isInside = (suggestion: Suggestion) => holds({ x0: 0, y0: 0, x1: width, y1: height }, suggestion);
      // Of an image that was not opened before nothing tells whether they are this file's.
      if (!image.suggestions.every(isInside)) image.suggestions = image.suggestions.filter(isInside);
      const labels = new LabelMap(image.packed, width, height);
      const { objects } = image;
      labels.locked = (id) => objects.get(id)?.locked ?? false;
      const opened = Object.assign(image, { display: image.display ?? display, labels });
      this.current.value = opened;
      this.touched();
      return opened;
    });
  }

  /** Packs the current image, so that what is open takes the memory of one. */
  close() {
    const current = this.current.peek();
    if (!current) return;
    for (const listener of this.#closing) listener();
    current.packed = current.labels.pack();
    (current as ProjectImage).labels = undefined;
    batch(() => {
      this.selection.value = new Set();
      this.suggestions.choose(undefined);
      this.current.value = undefined;
    });
  }

  /** Fields of an image have changed. */
  touched() {
    this.images.value = [...this.images.peek()];
  }

  /** Objects of an image have changed. */
  objectsChanged(image: ProjectImage) {
    image.revision += 1;
    batch(() => {
      this.objectChanges.value += 1;
      this.touched();
    });
  }

  /** The current image is shown in another display. */
  setDisplay(display: Display) {
    const current = this.current.peek();
    if (!current || sameDisplay(current.display, display)) return;
    // The list shows an image in its channels.
    if (!sameChannels(channelsOf(current.display), channelsOf(display))) current.thumbnail = undefined;
    current.display = display;
    this.touched();
  }

  /** @returns why it may not be, as a sentence; undefined: it was set */
  setHeldOut(id: string, heldOut: boolean): string | undefined {
    const others = this.labelled.peek().filter((image) => image.id !== id);
    const image = this.imageOf(id);
    const refused = heldOut && others.every((other) => other.heldOut);
    if (image && !refused) image.heldOut = heldOut;
    this.touched();
    if (refused) return "At least one image has to stay in training; label another one, or take one of the held-out images back first.";
  }

  setThumbnail(image: ProjectImage, thumbnail: Blob | undefined) {
    image.thumbnail = thumbnail;
    this.touched();
  }

  /** The image so many places further in the list; undefined at its ends. */
  beside(step: number) {
    const current = this.current.value;
    const images = this.images.value;
    return images[(current ? images.indexOf(current) : -1) + step];
  }

  /** Takes over what storage kept. */
  restore({ images, classes, currentClass }: RestoredProject) {
    batch(() => {
      this.images.value = images;
      this.classes.value = classes;
      this.currentClass.value = currentClass;
    });
  }
}
