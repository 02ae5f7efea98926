// What becomes of the images here when those of a project file join them. Nothing that is here is overwritten.

import { sameSource, supplies } from "./content.js";
import { holds } from "./geometry.js";
import type { ProjectImage } from "./project.js";
import { samePlane } from "./runs.js";
import { isSame, type Suggestion } from "./suggestion.js";
import type { Findings } from "./suggestions.js";
import type { ImageSource, ObjectAttributes, ObjectClass } from "./types.js";

export interface Incoming {
  images: readonly ProjectImage[];
  classes: readonly ObjectClass[];
  findings: Findings | undefined;
}

type Fields = "source" | "width" | "height" | "packed" | "display" | "heldOut" | "done" | "rejected" | "suggestions" | "searchedBy";

/** What a merge may change of an image. */
export type ImageState = Pick<ProjectImage, Fields> & { objects: [number, ObjectAttributes][] };

export interface Merge {
  classes: ObjectClass[];
  /** Those that are not here. */
  added: ProjectImage[];
  /** Images here that lack something which the file has of them, and what they become. */
  filled: { image: ProjectImage; after: ImageState }[];
  /** Names of images that have other objects here, which stay. */
  kept: string[];
  /** What was learned there, as its image and its class are called here. */
  findings: Findings | undefined;
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
  const merge: Merge = { classes: merged, added: [], filled: [], kept: [], findings: undefined };
  const taken = new Set<ProjectImage>();
  /** What images of the file are here with the same objects. */
  const names = new Map<string, string>();
  for (const image of incoming.images) {
    const objects = objectsOf(image, classIds);
    const own = here.find((other) => !taken.has(other) && sameImage(other.source, image.source));
    if (own) {
      taken.add(own);
      if (mergeInto(merge, own, image, objects)) names.set(image.id, own.id);
      continue;
    }
    names.set(image.id, image.id);
    image.objects.clear();
    for (const [number, attributes] of objects) image.objects.set(number, attributes);
    merge.added.push(image);
  }
  merge.findings = incoming.findings && renamed(incoming.findings, names, classIds);
  return merge;
}

function renamed({ learned, threshold }: Findings, images: ReadonlyMap<string, string>, classIds: ReadonlyMap<string, string>): Findings {
  if (!learned) return { learned, threshold };
  const [image, classId] = [images.get(learned.image ?? ""), classIds.get(learned.classId ?? "") ?? null];
  return { learned: { ...learned, image, classId }, threshold };
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

/** @returns whether the image here has the file's objects then */
function mergeInto(merge: Merge, own: ProjectImage, image: ProjectImage, objects: ImageState["objects"]) {
  const before = stateOf(own);
  const source = isMissing(own.source) && !isMissing(image.source) ? { ...image.source, page: own.source.page } : own.source;
  const fits = own.width === 0 || (own.width === image.width && own.height === image.height);
  // What was thrown away is stored with the label map.
  const lacks = image.objectCount > 0 || (image.rejected.length > 0 && own.width === 0);
  const takes = lacks && own.objectCount === 0 && fits;
  const agrees = takes || own.width === 0 || image.width === 0 || sameObjects(own, image, objects);
  if (!agrees && image.objectCount > 0) merge.kept.push(own.name);
  const found = agrees ? foundIn(own, image) : {};
  if (!takes && source === own.source && Object.keys(found).length === 0) return agrees;
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
  merge.filled.push({ image: own, after: { ...before, source, ...(takes ? taken : {}), ...found } });
  return agrees;
}

/** Of what the file has thrown away and found in an image what is lacking here. */
function foundIn(own: ProjectImage, image: ProjectImage): Partial<ImageState> {
  const { suggestions, searchedBy } = image;
  const rejected = own.rejected.length > 0 || image.rejected.length === 0 ? own.rejected : image.rejected;
  const isInside = (suggestion: Suggestion) => holds({ x0: 0, y0: 0, x1: own.width, y1: own.height }, suggestion);
  const takes = !own.searchedBy && searchedBy && (own.width === 0 || suggestions.every(isInside));
  const free = (takes ? suggestions : own.suggestions).filter((suggestion) => !rejected.some((gone) => isSame(gone, suggestion)));
  return {
    ...(rejected === own.rejected ? {} : { rejected }),
    ...(free.length === own.suggestions.length && !takes ? {} : { suggestions: free }),
    ...(takes ? { searchedBy } : {}),
  };
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
  const { source, width, height, display, heldOut, done, rejected, suggestions, searchedBy } = image;
  const found = { rejected, suggestions, searchedBy };
  return { source, width, height, packed: image.runs(), display, heldOut, done, ...found, objects: [...image.objects] };
}

/** Puts an image that is not open into a state. */
export function putState(image: ProjectImage, { objects, ...state }: ImageState) {
  Object.assign(image, state);
  image.objects.clear();
  for (const [number, attributes] of objects) image.objects.set(number, attributes);
}
