// `project.json` of a project file: what a document holds besides files, pixels and the draft, and what makes one valid.

import type { Display, FinderQuality } from "../engine/graysam.js";
import { isChannelChoice } from "./channels.js";
import { isPixelSize } from "./scale.js";
import { inOrder, MOST_PIXELS, recordOf, type Suggestion, suggestionIn, type SuggestionRecord } from "./suggestion.js";
import type { ObjectAttributes, ObjectClass } from "./types.js";

export const FORMAT = "graysam-project";
/** One that an earlier version of the page cannot read has a higher number. */
const VERSION = 1;
const LARGEST_NUMBER = 2 ** 32 - 1;

export interface ObjectRecord extends ObjectAttributes {
  /** Its number in the label image. */
  number: number;
}

/** An image. Files are paths within the project file. */
export interface ImageRecord {
  name: string;
  kind: "sample" | "file";
  /** Of a file with several pages, from 0. */
  page: number | null;
  /** Where it was in the folder that was opened. */
  path: string | null;
  /** See `contentKey`. */
  content: string | null;
  /** The image's file; null: it is the sample, or the file was not at hand. */
  file: string | null;
  /** 0: it has not been opened yet. */
  width: number;
  height: number;
  display: Display | null;
  /** The person's choice; null: the default. */
  heldOut: boolean | null;
  done: boolean;
  objects: ObjectRecord[];
  /** Suggestions that the person threw away. */
  rejected: SuggestionRecord[];
  /** The id of what it was searched with last; null: it was not. */
  searchedBy: string | null;
  /** What was found: a list of suggestions, see `suggestionsText`. */
  suggestions: string | null;
  /** Its label map: pairs of a length and a number, row by row, as little-endian 32-bit integers. */
  runs: string | null;
  /** The same as an image; null: none is labelled, or it could not be made. */
  labels: string | null;
}

export interface DecoderRecord {
  file: string;
  /** It answered the prompts. */
  used: boolean;
  /** The model that it was made from; its SHA-256 may be unknown. */
  base: { name: string; sha256: string | null };
}

/** What was learned from labelled objects. */
export interface FinderRecord {
  file: string;
  id: string;
  /** The place of the image that it was learned from; null: it came from a file, or the image is gone. */
  image: number | null;
  objects: number;
  /** The class that what is found gets. */
  classId: string | null;
  quality: FinderQuality | null;
  /** Of what was learned before. */
  before: FinderQuality | null;
  /** How sure a suggestion has to be to be shown, 0..1. */
  threshold: number;
}

export interface ProjectRecord {
  format: typeof FORMAT;
  version: number;
  /** How contents were digested, see `digestName`. */
  digest: string;
  classes: ObjectClass[];
  currentClass: string | null;
  /** The place of the image that was open. */
  current: number | null;
  images: ImageRecord[];
  decoder: DecoderRecord | null;
  finder: FinderRecord | null;
}

type Fields = Record<string, unknown>;

const WINDOWS: Record<Display["window"], true> = { percentile: true, minmax: true, full: true, range: true };
const COLORMAPS: Record<Display["colormap"], true> = { gray: true, viridis: true, inferno: true };

/** @returns the text of `project.json` */
export function recordText(project: Omit<ProjectRecord, "format" | "version">) {
  return JSON.stringify({ format: FORMAT, version: VERSION, ...project } satisfies ProjectRecord, undefined, 1);
}

/** @param text of `project.json` @throws what is wrong with it, as a sentence */
export function recordIn(text: string): ProjectRecord {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("Its project.json is damaged; save the project again where it was made.");
  }
  const stored = fields(json, "Its project.json");
  if (stored.format !== FORMAT) throw new Error("Its project.json is not one of GraySAM's; choose a file that “Save project” made.");
  const version = whole(stored.version, "the version");
  if (version > VERSION) {
    throw new Error("It was saved by a later version of GraySAM; reload the page to get that version, then open it again.");
  }
  const classes = list(stored.classes, "the classes").map(classIn);
  const ids = new Set(classes.map(({ id }) => id));
  if (ids.size < classes.length) refuse("two classes have the same id");
  const images = list(stored.images, "the images").map((image, place) => imageIn(image, `image ${place + 1}`, ids));
  const current = optional(stored.current, "the open image", whole);
  if (current !== null && current >= images.length) refuse("the open image is not in the list");
  const currentClass = optional(stored.currentClass, "the class of new objects", textOf);
  if (currentClass !== null && !ids.has(currentClass)) refuse("the class of new objects is not in the list");
  const decoder = optional(stored.decoder, "the decoder", decoderIn);
  const finder = optional(stored.finder, "what was learned", (value, what) => finderIn(value, what, ids, images.length));
  const digest = textOf(stored.digest, "the digest");
  return { format: FORMAT, version, digest, classes, currentClass, current, images, decoder, finder };
}

function refuse(what: string): never {
  throw new Error(`Its project.json is not as GraySAM writes it: ${what}; save the project again where it was made.`);
}

function fields(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(`${what} is no record`);
  return value as Fields;
}

function list(value: unknown, what: string): unknown[] {
  return Array.isArray(value) ? value : refuse(`${what} are no list`);
}

function textOf(value: unknown, what: string): string {
  return typeof value === "string" ? value : refuse(`${what} is no text`);
}

function flag(value: unknown, what: string): boolean {
  return typeof value === "boolean" ? value : refuse(`${what} is neither true nor false`);
}

function number(value: unknown, what: string): number {
  return typeof value === "number" && Number.isFinite(value) ? value : refuse(`${what} is no number`);
}

function whole(value: unknown, what: string): number {
  const found = number(value, what);
  return Number.isInteger(found) && found >= 0 && found <= LARGEST_NUMBER ? found : refuse(`${what} is no whole number`);
}

/** @returns null where there is none */
function optional<T>(value: unknown, what: string, read: (value: unknown, what: string) => T): T | null {
  return value === null || value === undefined ? null : read(value, what);
}

function colourOf(value: unknown, what: string): string {
  const colour = textOf(value, what);
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour : refuse(`${what} is no colour such as #ff8000`);
}

function classIn(value: unknown): ObjectClass {
  const { id, name, colour } = fields(value, "a class");
  return { id: textOf(id, "a class's id"), name: textOf(name, "a class's name"), colour: colourOf(colour, "a class's colour") };
}

function imageIn(value: unknown, what: string, classes: ReadonlySet<string>): ImageRecord {
  const stored = fields(value, what);
  const kind = stored.kind === "sample" || stored.kind === "file" ? stored.kind : refuse(`${what} is neither a file nor the sample`);
  const [width, height] = [whole(stored.width, `the width of ${what}`), whole(stored.height, `the height of ${what}`)];
  const [runs, display] = [optional(stored.runs, `${what}'s runs`, textOf), optional(stored.display, `${what}'s display`, displayIn)];
  const opened = width > 0 && height > 0;
  if (width * height > MOST_PIXELS || (!opened && width + height > 0)) refuse(`${what} is of ${width} × ${height} pixels`);
  if (opened !== (runs !== null) || (opened && !display)) refuse(`${what} has been opened, but not all of it is there`);
  const objects = list(stored.objects, `the objects of ${what}`).map((object) => objectIn(object, `an object of ${what}`, classes));
  if (new Set(objects.map((object) => object.number)).size < objects.length) refuse(`two objects of ${what} have the same number`);
  const thrownAway = list(stored.rejected ?? [], `the suggestions of ${what} that were thrown away`);
  const rejected = thrownAway.map((value) => rejectedIn(value, `a suggestion of ${what} that was thrown away`, { width, height }));
  return {
    name: textOf(stored.name, `the name of ${what}`),
    kind,
    page: optional(stored.page, `the page of ${what}`, whole),
    path: optional(stored.path, `the path of ${what}`, textOf),
    content: optional(stored.content, `the content of ${what}`, textOf),
    file: optional(stored.file, `the file of ${what}`, textOf),
    width,
    height,
    display,
    heldOut: optional(stored.heldOut, `whether ${what} is held out`, flag),
    done: flag(stored.done, `whether ${what} is done`),
    objects,
    rejected,
    searchedBy: optional(stored.searchedBy, `what ${what} was searched with`, textOf),
    suggestions: optional(stored.suggestions, `the suggestions of ${what}`, textOf),
    runs,
    labels: optional(stored.labels, `the labels of ${what}`, textOf),
  };
}

function displayIn(value: unknown, what: string): Display {
  const display = fields(value, what);
  for (const name of ["black", "white", "gamma"]) number(display[name], `${name} in ${what}`);
  flag(display.invert, `whether ${what} is inverted`);
  if (!Object.hasOwn(WINDOWS, textOf(display.window, `the window of ${what}`))) refuse(`${what} has an unknown window`);
  if (!Object.hasOwn(COLORMAPS, textOf(display.colormap, `the colour map of ${what}`))) refuse(`${what} has an unknown colour map`);
  const size = display.pixel_size ?? null;
  if (size !== null && !isPixelSize(size)) refuse(`${what} has no size of a pixel`);
  optional(display.voi, `the file's display in ${what}`, whole);
  if (display.channels !== undefined && !isChannelChoice(display.channels)) refuse(`${what} chooses no channels`);
  return display as unknown as Display;
}

function objectIn(value: unknown, what: string, classes: ReadonlySet<string>): ObjectRecord {
  const stored = fields(value, what);
  const found = whole(stored.number, `the number of ${what}`);
  if (found === 0) refuse(`${what} has the number 0`);
  const classId = optional(stored.classId, `the class of ${what}`, textOf);
  // As the document has it after a class was removed, its objects have none.
  const known = classId !== null && classes.has(classId) ? classId : null;
  return {
    number: found,
    name: textOf(stored.name, `the name of ${what}`),
    classId: known,
    colour: optional(stored.colour, `the colour of ${what}`, colourOf),
    hidden: flag(stored.hidden, `whether ${what} is hidden`),
    locked: flag(stored.locked, `whether ${what} is locked`),
    iou: optional(stored.iou, `the IoU of ${what}`, number),
  };
}

function rejectedIn(value: unknown, what: string, size: { width: number; height: number }): SuggestionRecord {
  return suggestionIn(value, size) ? (value as SuggestionRecord) : refuse(`${what} is no mask inside of the image`);
}

function finderIn(value: unknown, what: string, classes: ReadonlySet<string>, images: number): FinderRecord {
  const stored = fields(value, what);
  const image = optional(stored.image, `the image of ${what}`, whole);
  if (image !== null && image >= images) refuse(`the image of ${what} is not in the list`);
  const classId = optional(stored.classId, `the class of ${what}`, textOf);
  const threshold = number(stored.threshold, "how sure a suggestion has to be");
  if (threshold < 0 || threshold > 1) refuse("how sure a suggestion has to be is not between 0 and 1");
  return {
    file: textOf(stored.file, `the file of ${what}`),
    id: textOf(stored.id, `the id of ${what}`),
    image,
    objects: whole(stored.objects, `the number of objects of ${what}`),
    classId: classId !== null && classes.has(classId) ? classId : null,
    quality: optional(stored.quality, `how good ${what} is`, qualityIn),
    before: optional(stored.before, `how good ${what} before was`, qualityIn),
    threshold,
  };
}

function qualityIn(value: unknown, what: string): FinderQuality {
  const { examples, found, missed, wrong } = fields(value, what);
  return { examples: whole(examples, what), found: whole(found, what), missed: whole(missed, what), wrong: whole(wrong, what) };
}

function decoderIn(value: unknown): DecoderRecord {
  const stored = fields(value, "the decoder");
  const base = fields(stored.base, "the decoder's model");
  return {
    file: textOf(stored.file, "the decoder's file"),
    used: flag(stored.used, "whether the decoder is used"),
    base: { name: textOf(base.name, "the decoder's model"), sha256: optional(base.sha256, "the model's SHA-256", textOf) },
  };
}

export function suggestionsText(suggestions: readonly Suggestion[]) {
  return JSON.stringify(suggestions.map(recordOf));
}

/**
 * @param text of `suggestionsText`
 * @param size of the image; undefined: it has not been opened yet
 * @returns undefined if it is something else
 */
export function suggestionsIn(text: string, size: { width: number; height: number } | undefined): Suggestion[] | undefined {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(stored)) return undefined;
  const suggestions = stored.map((record) => suggestionIn(record, size)).filter((suggestion) => suggestion !== undefined);
  return suggestions.length === stored.length ? inOrder(suggestions) : undefined;
}
