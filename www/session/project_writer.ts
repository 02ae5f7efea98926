// Writes a project file: a zip with the images' files, label images, a COCO file, the fine-tuned decoder, suggestions and
// what they were learned from, and project.json, which joins them.

import { orAborted } from "../document/abortable.js";
import { digestName, identify } from "../document/content.js";
import type { PackedObjects, ProjectImage } from "../document/project.js";
import {
  type DecoderRecord,
  type FinderRecord,
  type ImageRecord,
  type ObjectRecord,
  recordText,
  suggestionsText,
} from "../document/project_record.js";
import { distinct } from "../document/runs.js";
import { SafePaths, stemOf } from "../document/safe_paths.js";
import { recordOf as suggestionRecordOf, type Suggestion } from "../document/suggestion.js";
import type { Findings } from "../document/suggestions.js";
import type { ImageSource, ObjectClass } from "../document/types.js";
import type { Engine } from "../engine/client.js";
import { type ZipOptions, ZipWriting } from "../storage/zip_file.js";

/** Formats that are compressed already. */
const COMPRESSED = /\.(png|jpe?g|webp)$/i;

const README = `This is a project of GraySAM: the images are in images/, their objects as label images (0 is background) in labels/ and as run lengths in coco.json.
GraySAM opens the whole file with “Open project”; project.json says what belongs together, and objects/ holds the label maps as pairs of a length and an object's number (little-endian 32-bit integers, row by row).
`;

/** A project at one moment. */
export interface SavedProject {
  images: readonly ProjectImage[];
  classes: readonly ObjectClass[];
  currentClass: string | null;
  current: ProjectImage | undefined;
  decoder: { file: Blob; used: boolean; base: DecoderRecord["base"] } | undefined;
  findings: Findings;
}

/** An image as it was at that moment. */
interface SavedImage {
  record: ImageRecord;
  packed: PackedObjects;
  suggestions: readonly Suggestion[];
  file: Blob | undefined;
}

/** What could not be written, which did not keep the rest from it. */
export interface LeftOut {
  /** Names of images whose files cannot be read. */
  files: string[];
  /** Why there are no label images and no COCO file. */
  labels: string | undefined;
}

export class ProjectWriter {
  readonly leftOut: LeftOut = { files: [], labels: undefined };
  #zip;
  #options;
  #engine;

  private constructor(zip: ZipWriting, options: ZipOptions, engine: Engine | undefined) {
    this.#zip = zip;
    this.#options = options;
    this.#engine = engine;
  }

  /**
   * @param take gives the project as it is when it is called
   * @param sink is closed at the end
   * @param engine makes the label files; undefined: there is none
   * @param sized told how many bytes will be passed
   */
  static async write(
    take: () => SavedProject,
    sink: WritableStream,
    options: ZipOptions,
    engine: Engine | undefined,
    sized: (bytes: number) => void,
  ): Promise<LeftOut> {
    const writer = new ProjectWriter(await ZipWriting.begin(sink, options), options, engine);
    await writer.#write(take, sized);
    return writer.leftOut;
  }

  async #write(take: () => SavedProject, sized: (bytes: number) => void) {
    const { project, images } = await this.#snapshot(take);
    const files = await this.#filesOf(images, project.images);
    const { decoder, findings } = project;
    const sizes = [
      ...[...files.values(), decoder?.file, findings.learned?.file].map((file) => file?.size ?? 0),
      ...images.map(({ packed }) => packed.runs.byteLength),
    ];
    sized(sizes.reduce((sum, size) => sum + size, 0));
    await this.#zip.add("README.txt", new Blob([README]));
    await this.#addLabels(images, project.classes);
    await this.#addRuns(images);
    await this.#addSuggestions(images);
    const record = recordOf(project, images);
    await this.#zip.add("project.json", new Blob([recordText(record)]));
    if (decoder && record.decoder) await this.#zip.add(record.decoder.file, decoder.file, false);
    if (findings.learned && record.finder) await this.#zip.add(record.finder.file, findings.learned.file, false);
    for (const [path, file] of files) await this.#zip.add(path, file, !COMPRESSED.test(path));
    await this.#zip.finish();
  }

  /** All of the project as it is at one moment. */
  async #snapshot(take: () => SavedProject) {
    const before = take();
    for (const { source } of before.images) await identify(source);
    const open = before.images.find(({ labels }) => labels);
    const opened = await open?.packedObjects();
    // From here on nothing is waited for.
    const project = take();
    return { project, images: project.images.map((image) => savedOf(image, image === open ? opened : undefined)) };
  }

  /** The images' files by their paths in the project file, each once. */
  async #filesOf(saved: SavedImage[], images: readonly ProjectImage[]) {
    const files = new Map<string, Blob>();
    const paths = new SafePaths();
    const known = new Map<string, string | null>();
    for (const [place, { record, file }] of saved.entries()) {
      if (!file) continue;
      const key = fileKey(images[place].source, record);
      const path = known.has(key) ? known.get(key) : await this.#pathOf(record, file, paths);
      known.set(key, (record.file = path ?? null));
      if (record.file && !files.has(record.file)) files.set(record.file, file);
    }
    return files;
  }

  /** @returns null if it cannot be read */
  async #pathOf({ name, path }: ImageRecord, file: Blob, paths: SafePaths) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      this.leftOut.files.push(name);
      return null;
    }
    return `images/${paths.unique(path ?? name)}`;
  }

  async #addRuns(images: SavedImage[]) {
    let number = 0;
    for (const { record, packed } of images) {
      if (record.width === 0) continue;
      record.runs = `objects/${++number}.bin`;
      await this.#zip.add(record.runs, new Blob([packed.runs as Uint32Array<ArrayBuffer>]));
    }
  }

  async #addSuggestions(images: SavedImage[]) {
    let number = 0;
    for (const { record, suggestions } of images) {
      if (suggestions.length === 0) continue;
      record.suggestions = `suggestions/${++number}.json`;
      await this.#zip.add(record.suggestions, new Blob([suggestionsText(suggestions)]));
    }
  }

  /** Label images and the COCO file, as far as the engine makes them: other tools read these, and the page needs neither. */
  async #addLabels(images: SavedImage[], classes: readonly ObjectClass[]) {
    const { signal } = this.#options;
    const [names, paths] = [new SafePaths(), new SafePaths()];
    let coco: Blob;
    try {
      if (!this.#engine) throw new Error("the engine does not run");
      // The engine may be at an encode that takes long.
      await orAborted(signal, this.#engine.request("beginProjectLabels", [classes]));
      for (const image of images) {
        if (image.record.width === 0 || distinct(image.packed.runs) === 0) continue;
        signal.throwIfAborted();
        const name = names.unique(titleOf(image.record));
        const tiff = await orAborted(signal, this.#labelsOf(this.#engine, image, name, classes));
        if (tiff) image.record.labels = paths.unique(`labels/${stemOf(name)}-labels.tif`);
        if (tiff && image.record.labels) await this.#zip.add(image.record.labels, new Blob([tiff]));
      }
      coco = await orAborted(signal, this.#engine.request("finishProjectLabels", []));
    } catch (error) {
      signal.throwIfAborted();
      this.leftOut.labels = error instanceof Error ? error.message : String(error);
      return;
    }
    await this.#zip.add("coco.json", coco);
  }

  #labelsOf(engine: Engine, { record, packed }: SavedImage, name: string, classes: readonly ObjectClass[]) {
    const places = new Map(classes.map(({ id }, place) => [id, place]));
    const objects = record.objects.map((object) => ({
      id: object.number,
      name: object.name,
      class: object.classId === null ? null : (places.get(object.classId) ?? null),
      iou: object.iou,
    }));
    const { width, height } = record;
    return engine.request("addProjectLabels", [name, packed.runs, width, height, objects]);
  }
}

function fileKey({ name, ...source }: ImageSource, { content, path }: ImageRecord) {
  // Without a known content, only a file that is the very same one is the same.
  return JSON.stringify([content ?? idOf(source.kind === "file" ? source.file : undefined), name, path]);
}

const ids = new WeakMap<Blob, number>();
let lastId = 0;

function idOf(file: Blob | undefined) {
  if (!file) return 0;
  const id = ids.get(file) ?? ++lastId;
  ids.set(file, id);
  return id;
}

/** What other tools call an image: the path of its file below images/, and its page. */
function titleOf({ file, path, name, page }: ImageRecord) {
  const title = file?.replace("images/", "") ?? path ?? name;
  if (!page) return title;
  const stem = stemOf(title);
  return `${stem}-page-${page + 1}${title.slice(stem.length)}`;
}

function recordOf({ classes, currentClass, current, images: all, decoder, findings }: SavedProject, images: SavedImage[]) {
  const place = current ? all.indexOf(current) : -1;
  return {
    digest: digestName(),
    classes: [...classes],
    currentClass,
    current: place < 0 ? null : place,
    images: images.map(({ record }) => record),
    decoder: decoder ? { file: "decoder/mask_decoder.safetensors", used: decoder.used, base: decoder.base } : null,
    finder: finderOf(findings, all),
  };
}

function finderOf({ learned, threshold }: Findings, images: readonly ProjectImage[]): FinderRecord | null {
  if (!learned) return null;
  const { id, objects, classId, quality = null, before = null } = learned;
  const place = images.findIndex((image) => image.id === learned.image);
  const image = place < 0 ? null : place;
  return { file: "finder/learned.safetensors", id, image, objects, classId, quality, before, threshold };
}

function savedOf(image: ProjectImage, opened: PackedObjects | undefined): SavedImage {
  const { name, source, width, height, display, heldOut, done, revision, suggestions, searchedBy } = image;
  const packed = opened ?? { runs: image.runs(), revision, objects: new Map(image.objects), rejected: image.rejected };
  const { content, path, file, missing } = source.kind === "file" ? source : {};
  const record = {
    name,
    kind: source.kind,
    page: source.page ?? null,
    path: path ?? null,
    content: content ?? null,
    file: null,
    width,
    height,
    display: display ?? null,
    heldOut: heldOut ?? null,
    done,
    objects: recordsOf(packed),
    rejected: packed.rejected.map(suggestionRecordOf),
    searchedBy: searchedBy || null,
    suggestions: null,
    runs: null,
    labels: null,
  };
  return { record, packed, suggestions, file: missing ? undefined : file };
}

/** What is known of the objects that are in the label map. */
function recordsOf({ runs, objects }: PackedObjects): ObjectRecord[] {
  const numbers = new Set(runs.filter((_, i) => i % 2 === 1));
  return [...objects].filter(([number]) => numbers.has(number)).map(([number, attributes]) => ({ number, ...attributes }));
}
