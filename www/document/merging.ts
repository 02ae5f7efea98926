// What becomes of the images here when those of a project file join them. Nothing that is here is overwritten.

import { sameSource, supplies } from "./content.js";
import type { ProjectImage } from "./project.js";
import { samePlane } from "./runs.js";
import type { ImageSource, ObjectAttributes, ObjectClass } from "./types.js";

export interface Incoming {
  images: readonly ProjectImage[];
  classes: readonly ObjectClass[];
}

/** What a merge may change of an image. */
export type ImageState = Pick<ProjectImage, "source" | "width" | "height" | "packed" | "display" | "heldOut" | "done"> & {
  objects: [number, ObjectAttributes][];
};

export interface Merge {
  classes: ObjectClass[];
  /** Those that are not here. */
  added: ProjectImage[];
  /** Images here without objects, or without their file, and what they become. */
  filled: { image: ProjectImage; after: ImageState }[];
  /** Names of images that have other objects here, which stay. */
  kept: string[];
}

/** Whether two sources are one page of one file, of which either may have to be opened again. */
function sameImage(a: ImageSource, b: ImageSource) {
  if (sameSource(a, b)) return true;
  if ((a.page ?? 0) !== (b.page ?? 0)) return false;
  const [aMissing, bMissing] = [a, b].map((source) => source.kind === "file" && source.missing === true);
  if (aMissing && bMissing)
    return supplies({ ...a, missing: false } as ImageSource, b) || supplies({ ...b, missing: false } as ImageSource, a);
  return supplies(a, b) || supplies(b, a);
}

export function mergeOf(here: readonly ProjectImage[], classes: readonly ObjectClass[], incoming: Incoming): Merge {
  const merged = [...classes];
  const classIds = new Map<string, string>();
  for (const one of incoming.classes) {
    const known = merged.find(({ name }) => name === one.name);
    const id = known?.id ?? freeId(one.id, merged);
    classIds.set(one.id, id);
    if (!known) merged.push({ ...one, id });
  }
  const merge: Merge = { classes: merged, added: [], filled: [], kept: [] };
  const taken = new Set<ProjectImage>();
  for (const image of incoming.images) {
    const objects = objectsOf(image, classIds);
    const own = here.find((other) => !taken.has(other) && sameImage(other.source, image.source));
    if (own) {
      taken.add(own);
      mergeInto(merge, own, image, objects);
      continue;
    }
    image.objects.clear();
    for (const [number, attributes] of objects) image.objects.set(number, attributes);
    merge.added.push(image);
  }
  return merge;
}

function freeId(id: string, classes: readonly ObjectClass[]) {
  let free = id;
  for (let number = 2; classes.some((one) => one.id === free); number++) free = `${id}-${number}`;
  return free;
}

/** What is known of an image's objects, with the classes as they are called here. */
function objectsOf(image: ProjectImage, classIds: ReadonlyMap<string, string>): [number, ObjectAttributes][] {
  return [...image.objects].map(([number, attributes]) => {
    const { classId } = attributes;
    return [number, { ...attributes, classId: classId === null ? null : (classIds.get(classId) ?? null) }];
  });
}

function mergeInto(merge: Merge, own: ProjectImage, image: ProjectImage, objects: ImageState["objects"]) {
  const before = stateOf(own);
  const source = isMissing(own.source) && !isMissing(image.source) ? { ...image.source, page: own.source.page } : own.source;
  const fits = own.width === 0 || (own.width === image.width && own.height === image.height);
  const takes = image.objectCount > 0 && own.objectCount === 0 && fits;
  if (!takes && image.objectCount > 0 && !sameObjects(own, image, objects)) merge.kept.push(own.name);
  if (!takes && source === own.source) return;
  const { width, height, packed, display, heldOut, done } = image;
  const taken = {
    width,
    height,
    packed,
    objects,
    display: before.display ?? display,
    heldOut: own.heldOut ?? heldOut,
    done: own.done || done,
  };
  merge.filled.push({ image: own, after: { ...before, source, ...(takes ? taken : {}) } });
}

function isMissing(source: ImageSource) {
  return source.kind === "file" && source.missing === true;
}

function sameObjects(own: ProjectImage, image: ProjectImage, objects: ImageState["objects"]) {
  const runs = own.runs();
  if (own.width !== image.width || !samePlane(runs, image.runs())) return false;
  const theirs = new Map(objects);
  const numbers = new Set(runs.filter((value, i) => i % 2 === 1 && value > 0));
  return [...numbers].every((number) => sameAttributes(own.objects.get(number), theirs.get(number)));
}

function sameAttributes(a: ObjectAttributes | undefined, b: ObjectAttributes | undefined) {
  if (!a || !b) return a === b;
  const names = Object.keys(a) as (keyof ObjectAttributes)[];
  return names.every((name) => a[name] === b[name]);
}

/** The state of an image that is not open, or is about to be closed. */
export function stateOf(image: ProjectImage): ImageState {
  const { source, width, height, display, heldOut, done } = image;
  return { source, width, height, packed: image.runs(), display, heldOut, done, objects: [...image.objects] };
}

/** Puts an image that is not open into a state. */
export function putState(image: ProjectImage, { objects, ...state }: ImageState) {
  Object.assign(image, state);
  image.objects.clear();
  for (const [number, attributes] of objects) image.objects.set(number, attributes);
}
