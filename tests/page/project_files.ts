// Projects at random and as text, and their files taken apart and put together by the zip library itself.

import { ProjectImage } from "../../www/document/project.js";
import { RunWriter } from "../../www/document/runs.js";
import { recordOf, type Suggestion, suggestionsOf } from "../../www/document/suggestion.js";
import type { Findings } from "../../www/document/suggestions.js";
import type { ImageSource, ObjectAttributes, ObjectClass } from "../../www/document/types.js";
import type { Display } from "../../www/engine/graysam.js";
import { BlobReader, BlobWriter, configure, type FileEntry, TextReader, ZipReader, ZipWriter } from "../../www/vendor/zip.js";
import type { Random } from "./random.js";
import { HEIGHT, WIDTH } from "./stand_in_engine.js";
import type { Visit } from "./visit.js";

configure({ useWebWorkers: false });

const NAMES = ["a.png", "b.tif", "Ä/é: *.jpg", "con.png", "..", "cells .dcm", "細胞.bmp"];
const FOLDERS = [undefined, "plate/A1", "plate/a1", "../up"];
const COLOURS = ["#ff0000", "#00ff00", "#0000FF"];

interface RandomProject {
  images: ProjectImage[];
  classes: ObjectClass[];
  currentClass: string | null;
  findings: Findings;
}

/** A file that compresses well, or hardly. */
function fileOf(random: Random) {
  const bytes = new Uint8Array(random.below(3000));
  if (random.chance(0.5)) for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
  return new Blob([`image ${random.next()}`, bytes]);
}

function sourceOf(random: Random, known: ImageSource[]): ImageSource {
  if (random.chance(0.1)) return { kind: "sample", name: "sample" };
  if (known.length > 0 && random.chance(0.3)) return { ...random.of(known), page: 1 + random.below(1e6) };
  const name = random.of(NAMES);
  const folder = random.of(FOLDERS);
  const place = { kind: "file" as const, name, path: folder && `${folder}/${name}`, page: random.chance(0.3) ? 0 : undefined };
  if (random.chance(0.15))
    return { ...place, file: new Blob([]), missing: true, content: random.chance(0.5) ? "0123456789abcdef" : undefined };
  return { ...place, file: fileOf(random) };
}

function displayOf(random: Random): Display {
  const window = random.of(["percentile", "minmax", "full", "range"] as const);
  return { window, black: random.next() * 100, white: 1e5 * random.next(), gamma: 0.3, invert: random.chance(0.5), colormap: "viridis" };
}

/** Runs of planes that are cut as they never are by `pack`, too. */
function runsOf(random: Random, pixels: number, most: number) {
  const runs: number[] = [];
  for (let left = pixels; left > 0;) {
    const length = 1 + random.below(Math.min(left, 30));
    runs.push(length, random.chance(0.5) ? 0 : 1 + random.below(most));
    left -= length;
  }
  return Uint32Array.from(runs);
}

function attributesOf(random: Random, classes: ObjectClass[]): ObjectAttributes {
  return {
    name: random.of(["", "nucleus", "“=1+1”\n"]),
    classId: random.chance(0.5) && classes.length > 0 ? random.of(classes).id : null,
    colour: random.chance(0.3) ? random.of(COLOURS) : null,
    hidden: random.chance(0.3),
    locked: random.chance(0.3),
    iou: random.chance(0.5) ? random.next() : null,
  };
}

/** Masks at random within a size, the surest first. */
function masksOf(random: Random, width: number, height: number): Suggestion[] {
  const infos = Array.from({ length: 1 + random.below(6) }, () => {
    const [x0, y0] = [random.below(width), random.below(height)];
    const [x1, y1] = [x0 + 1 + random.below(width - x0), y0 + 1 + random.below(height - y0)];
    return { sureness: random.next(), bounds: [x0, y0, x1, y1] as [number, number, number, number] };
  });
  const sizes = infos.map(({ bounds: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0));
  const bits = sizes.flatMap((size) => Array.from({ length: size }, () => Number(random.chance(0.6))));
  return suggestionsOf(infos, Uint8Array.from(bits));
}

function qualityOf(random: Random) {
  const [examples, found, missed, wrong] = [0, 0, 0, 0].map(() => random.below(50));
  return random.chance(0.7) ? { examples, found, missed, wrong } : undefined;
}

function findingsOf(random: Random, images: ProjectImage[], classes: ObjectClass[]): Findings {
  const threshold = random.next();
  if (random.chance(0.4)) return { learned: undefined, threshold };
  const [image, classId] = [
    random.of([undefined, "gone", ...images.map(({ id }) => id)]),
    random.of([null, ...classes.map(({ id }) => id)]),
  ];
  const [quality, before] = [qualityOf(random), qualityOf(random)];
  const file = new Blob([`learned ${random.next()}`]);
  return { learned: { id: `finder ${random.next()}`, file, image, objects: 1 + random.below(9), classId, quality, before }, threshold };
}

function imageOf(random: Random, source: ImageSource, classes: ObjectClass[]) {
  const image = new ProjectImage(source);
  image.done = random.chance(0.3);
  image.heldOut = random.of([undefined, true, false]);
  if (random.chance(0.4)) Object.assign(image, { suggestions: masksOf(random, 1, 1), searchedBy: `finder ${random.below(3)}` });
  else if (random.chance(0.2)) image.searchedBy = "found nothing";
  if (random.chance(0.2)) return image;
  const [width, height] = random.chance(0.7) ? [WIDTH, HEIGHT] : [1 + random.below(40), 1 + random.below(40)];
  const packed = random.chance(0.3) ? Uint32Array.of(width * height, 0) : runsOf(random, width * height, random.of([3, 9, 70_000]));
  Object.assign(image, { width, height, packed, display: displayOf(random) });
  if (random.chance(0.4)) image.rejected = masksOf(random, width, height);
  if (image.suggestions.length > 0) image.suggestions = masksOf(random, width, height);
  const numbers = new Set(packed.filter((value, i) => i % 2 === 1 && value > 0));
  for (const number of numbers) if (random.chance(0.9)) image.objects.set(number, attributesOf(random, classes));
  return image;
}

export function randomProject(random: Random): RandomProject {
  const classes = Array.from({ length: random.below(4) }, (_, i) => ({ id: `class${i}`, name: `Class ${i}`, colour: random.of(COLOURS) }));
  const sources: ImageSource[] = [];
  const images = Array.from({ length: 1 + random.below(5) }, () => {
    const source = sourceOf(
      random,
      sources.filter(({ kind }) => kind === "file"),
    );
    sources.push(source);
    return imageOf(random, source, classes);
  });
  const findings = findingsOf(random, images, classes);
  return { images, classes, findings, currentClass: random.chance(0.5) && classes.length > 0 ? random.of(classes).id : null };
}

/** Puts a project into a visit. */
export function put({ bench: { project } }: Visit, { findings, ...made }: RandomProject) {
  project.restore(made);
  project.suggestions.restore(findings);
}

function planeText(runs: Uint32Array) {
  const writer = new RunWriter();
  for (let i = 0; i < runs.length; i += 2) writer.add(runs[i], runs[i + 1]);
  return [...writer.take()];
}

async function imageText(image: ProjectImage) {
  const { name, source, width, height, display, heldOut, done } = image;
  const runs = image.runs();
  const numbers = [...new Set(runs.filter((_, i) => i % 2 === 1))].sort((a, b) => a - b);
  const objects = numbers.map((number) => [number, Object.entries(image.objects.get(number) ?? {}).sort()]);
  const { path, missing = false } = source.kind === "file" ? source : {};
  const bytes = source.kind === "file" ? [...new Uint8Array(await source.file.arrayBuffer())] : [];
  const shown = display && Object.entries(display).sort();
  const found = [image.rejected.map(recordOf), image.suggestions.map(recordOf), image.searchedBy];
  return [name, source.kind, source.page ?? 0, path, missing, bytes, width, height, shown, heldOut, done, planeText(runs), objects, found];
}

/** What was learned, with the place of its image; how sure suggestions have to be comes with it alone. */
async function findingsText({ learned, threshold }: Findings, images: readonly ProjectImage[]) {
  if (!learned) return null;
  const { id, file, objects, classId, quality, before } = learned;
  return [id, await file.text(), images.findIndex((image) => image.id === learned.image), objects, classId, quality, before, threshold];
}

/** All that a project file is to keep of a visit's project. */
export async function projectText({ bench }: Visit) {
  const { images, classes, currentClass, suggestions } = bench.project;
  const findings = await findingsText(suggestions.findings, images.peek());
  const texts = await Promise.all(images.peek().map(imageText));
  return JSON.stringify([texts, classes.peek().map(({ id, name, colour }) => [id, name, colour]), currentClass.peek(), findings]);
}

/** The files in a project file, by their paths. */
export async function unzipped(file: Blob): Promise<Map<string, Blob>> {
  const entries = await new ZipReader(new BlobReader(file)).getEntries();
  const files = entries.filter((entry): entry is FileEntry => !entry.directory);
  return new Map(await Promise.all(files.map(async (entry) => [entry.filename, await entry.getData(new BlobWriter())] as const)));
}

export async function zipped(files: Iterable<[string, Blob | string]>): Promise<Blob> {
  const writer = new ZipWriter(new BlobWriter("application/zip"));
  for (const [path, content] of files)
    await writer.add(path, typeof content === "string" ? new TextReader(content) : new BlobReader(content));
  return writer.close();
}
