// Reads a project file and checks all of it, before anything of the project that is here changes.

import { orAborted } from "../document/abortable.js";
import { contentKey, digestName } from "../document/content.js";
import { ProjectImage } from "../document/project.js";
import {
  type DecoderRecord,
  type FinderRecord,
  type ImageRecord,
  type ProjectRecord,
  recordIn,
  suggestionsIn,
} from "../document/project_record.js";
import { samePlane } from "../document/runs.js";
import { type Suggestion, suggestionIn } from "../document/suggestion.js";
import type { Findings } from "../document/suggestions.js";
import type { ImageSource, ObjectClass } from "../document/types.js";
import { CrashError, type Engine } from "../engine/client.js";
import { type ZipOptions, ZipReading } from "../storage/zip_file.js";

const RECORD = "project.json";
/** Bytes of project.json at most: some million objects. */
const MOST_RECORD = 1 << 29;
/** Bytes of a decoder at most; SAM's has 16 MB. */
const MOST_DECODER = 1 << 30;
/** Bytes of a finder at most. */
const MOST_FINDER = 1 << 26;
/** Bytes of an image's suggestions at most. */
const MOST_SUGGESTIONS = 1 << 28;

/** What a project file holds, ready to be taken over. */
export interface OpenedProject {
  /** Of this project alone: their ids are new. */
  images: ProjectImage[];
  classes: ObjectClass[];
  currentClass: string | null;
  /** The image that was open. */
  current: ProjectImage | undefined;
  decoder: { file: Blob; used: boolean; base: DecoderRecord["base"] } | undefined;
  /** Undefined: nothing was learned. */
  findings: Findings | undefined;
}

export class ProjectReader {
  #zip;
  #record;
  #engine;
  #signal;
  /** What has been read, by path. */
  #read = new Map<string, Blob>();

  private constructor(zip: ZipReading, record: ProjectRecord, engine: Engine | undefined, signal: AbortSignal) {
    this.#zip = zip;
    this.#record = record;
    this.#engine = engine;
    this.#signal = signal;
  }

  /**
   * @param engine reads the label images; undefined: there is none, and they are not compared
   * @param sized told how many bytes will be passed
   * @throws what is wrong with the file, as a sentence
   */
  static async read(file: Blob, options: ZipOptions, engine: Engine | undefined, sized: (bytes: number) => void): Promise<OpenedProject> {
    const zip = await ZipReading.open(file, options);
    if (!zip.paths.includes(RECORD)) {
      throw new Error("There is no project.json in it, so it is no project of GraySAM; choose a file that “Save project” made.");
    }
    sized(zip.bytes);
    const record = recordIn(await (await zip.read(RECORD, MOST_RECORD)).text());
    return new ProjectReader(zip, record, engine, options.signal).#readAll();
  }

  async #readAll(): Promise<OpenedProject> {
    const { classes, currentClass, current, decoder, finder } = this.#record;
    const images: ProjectImage[] = [];
    for (const image of this.#record.images) images.push(await this.#imageOf(image));
    const file = decoder && (await this.#part(decoder.file, MOST_DECODER));
    const findings = finder ? await this.#findingsOf(finder, images) : undefined;
    // The rest is for other tools, but a damaged copy is one all the same.
    for (const path of this.#zip.paths) if (path !== RECORD) await this.#part(path);
    return {
      images,
      classes,
      currentClass,
      current: current === null ? undefined : images[current],
      decoder: decoder && file ? { file, used: decoder.used, base: decoder.base } : undefined,
      findings,
    };
  }

  async #findingsOf({ file: path, threshold, image, quality, before, ...rest }: FinderRecord, images: ProjectImage[]): Promise<Findings> {
    // The person may move or change the project file.
    const file = new Blob([await (await this.#part(path, MOST_FINDER)).arrayBuffer()]);
    const id = image === null ? undefined : images[image].id;
    return { learned: { ...rest, file, image: id, quality: quality ?? undefined, before: before ?? undefined }, threshold };
  }

  async #suggestionsOf({ suggestions, width, height }: ImageRecord): Promise<Suggestion[]> {
    if (suggestions === null) return [];
    const text = await (await this.#part(suggestions, MOST_SUGGESTIONS)).text();
    const found = suggestionsIn(text, width > 0 ? { width, height } : undefined);
    if (!found)
      throw new Error(`The file ${suggestions} in it holds no suggestions for its image; save the project again where it was made.`);
    return found;
  }

  async #imageOf(record: ImageRecord): Promise<ProjectImage> {
    const { width, height, display, heldOut, done } = record;
    const image = new ProjectImage(await this.#sourceOf(record));
    const packed = record.runs === null ? image.packed : await this.#runsOf(record, record.runs);
    for (const { number, ...attributes } of record.objects) image.objects.set(number, attributes);
    if (record.labels !== null) await this.#compare(record, record.labels, packed);
    const rejected = record.rejected.map((region) => suggestionIn(region)).filter((region) => region !== undefined);
    const searched = { rejected, suggestions: await this.#suggestionsOf(record), searchedBy: record.searchedBy ?? "" };
    return Object.assign(image, searched, {
      width,
      height,
      packed,
      display: display ?? undefined,
      heldOut: heldOut ?? undefined,
      done,
    });
  }

  async #sourceOf({ name, kind, page, path, content, file }: ImageRecord): Promise<ImageSource> {
    const place = { name, page: page ?? undefined };
    if (kind === "sample") return { kind, ...place };
    // Keys of another way to digest say nothing here.
    const comparable = this.#record.digest === digestName() ? (content ?? undefined) : undefined;
    const found = { kind, ...place, path: path ?? undefined };
    if (file === null) return { ...found, content: comparable, file: new Blob([]), missing: true };
    const bytes = await this.#part(file);
    const key = await contentKey(bytes);
    if (comparable !== undefined && key !== comparable) {
      throw new Error(`The file ${file} in it is not the one on which the objects were made; save the project again where it was made.`);
    }
    return { ...found, content: key, file: bytes };
  }

  async #runsOf({ width, height, objects }: ImageRecord, path: string): Promise<Uint32Array> {
    const pixels = width * height;
    const bytes = await this.#part(path, pixels * 8);
    const wrong = (why: string) => new Error(`The file ${path} in it ${why}; save the project again where it was made.`);
    if (bytes.size % 8 !== 0) throw wrong("does not hold whole runs");
    const runs = new Uint32Array(await bytes.arrayBuffer());
    let covered = 0;
    const numbers = new Set<number>();
    for (let i = 0; i < runs.length; i += 2) {
      if (runs[i] === 0) throw wrong("holds an empty run");
      covered += runs[i];
      numbers.add(runs[i + 1]);
    }
    if (covered !== pixels) throw wrong(`holds ${covered} pixels, but its image has ${width} × ${height}`);
    const lacking = objects.find(({ number }) => !numbers.has(number));
    if (lacking) throw wrong(`has no pixel of object ${lacking.number}, which project.json lists`);
    return runs;
  }

  /** Whether a label image shows the objects that come back: someone may have changed it. */
  async #compare({ width, height }: ImageRecord, path: string, packed: Uint32Array) {
    const file = await this.#part(path);
    if (!this.#engine) return;
    let labels: Uint32Array;
    try {
      labels = await orAborted(this.#signal, this.#engine.request("readProjectLabels", [file, width, height]));
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof CrashError) throw new Error(`The engine crashed while it read ${path}; open the project again.`);
      throw new Error(`The label image ${path} in it cannot be used: ${error instanceof Error ? error.message : error}`);
    }
    if (!samePlane(labels, packed)) {
      throw new Error(
        `The label image ${path} in it shows other objects than the project has; open it with “Open labels” instead, or save the project again where it was made.`,
      );
    }
  }

  async #part(path: string, most?: number) {
    const read = this.#read.get(path) ?? (await this.#zip.read(path, most));
    this.#read.set(path, read);
    return read;
  }
}
