// Files that come in and go out: images, models, labels, masks and exports.

import { batch, signal } from "../vendor/signals-core.js";
import { identify } from "../document/content.js";
import type { Draft } from "../document/draft.js";
import type { Notices } from "../document/notices.js";
import type { OpenImage, Project, ProjectImage } from "../document/project.js";
import { unpack } from "../document/runs.js";
import { stemOf } from "../document/source.js";
import type { ImageSource, ModelSource } from "../document/types.js";
import type { ExportFormat, Naming } from "../engine/graysam.js";
import type { FoundObjects } from "../session/automatic_masks_job.js";
import type { Session } from "../session/session.js";
import type { ImageCommands } from "./images.js";
import type { LabelTools } from "./label_tools.js";
import { maskPng } from "./mask_png.js";
import type { NavigationCommands } from "./navigation.js";
import type { ObjectCommands } from "./objects.js";
import { LabelReader, type OpenedLabels } from "./opened_labels.js";

/** Pixels that a found object has to have of its own. */
const SMALLEST_FOUND = 10;

/** The fine-tuned decoder alone, in its whole model, or in a BioImage.IO package of that. */
export type DecoderFile = "decoder" | "model" | "package";

/** What the browser does with files. */
export interface Browser {
  /** Hands a file to the person. */
  save(file: Blob, name: string): void;
  /** Asks the browser not to clear what is stored. */
  persist(): void;
  /**
   * Asks the person where to write a file, where the browser can.
   * @returns undefined: it cannot; "cancelled": the person wants none
   */
  saveStream?(name: string): Promise<WritableStream | "cancelled" | undefined>;
}

export class FileCommands {
  /** A label file is being read. */
  readonly reading = signal(false);
  /** What a search found is being added to the image. */
  readonly adding = signal(false);
  /** How far an export is, from 0 to 1; undefined: there is none. */
  readonly exported = signal<number | undefined>(undefined);
  /** The decoder's file is being made. */
  readonly savingDecoder = signal(false);

  /** Reads files of objects. */
  readonly labelReader;

  /** Counts what was asked to be opened. */
  #asked = 0;
  #project;
  #draft;
  #session;
  #notices;
  #objects;
  #images;
  #tools;
  #navigation;
  #restored;
  #browser;

  constructor(
    project: Project,
    draft: Draft,
    session: Session,
    notices: Notices,
    commands: { objects: ObjectCommands; images: ImageCommands; labelTools: LabelTools; navigation: NavigationCommands },
    restored: Promise<unknown>,
    browser: Browser,
  ) {
    this.#project = project;
    this.#draft = draft;
    this.#session = session;
    this.#notices = notices;
    this.#objects = commands.objects;
    this.#images = commands.images;
    this.#tools = commands.labelTools;
    this.#navigation = commands.navigation;
    this.#restored = restored;
    this.#browser = browser;
    this.labelReader = new LabelReader(session);
    // What was asked was of the image that was open.
    project.onClose(() => this.labelReader.dismiss());
  }

  openModel(source: ModelSource) {
    this.#notices.dismiss();
    this.#session.openModel(source);
  }

  /** Opens the first image; several join the project. */
  async openImages(sources: ImageSource[]) {
    const asked = ++this.#asked;
    await Promise.all([this.#restored, ...sources.map(identify)]);
    this.#project.supply(sources);
    if (sources.length > 1) {
      this.#browser.persist();
      this.#project.add(sources);
    }
    // Reading one file may take longer than reading another that was asked for since.
    if (asked === this.#asked) this.#navigation.open(this.#project.find(sources[0])?.source ?? sources[0]);
  }

  /** Replaces the open image's objects by those of a label image or a file of annotations, whose classes join the project's. */
  openLabels(file: File) {
    const attributes = {
      fresh: (iou: number | null) => this.#objects.fresh(iou),
      classNamed: (name: string, colour: string) => this.#images.classNamed(name, colour),
    };
    return this.#takeLabels("open labels", (image) => this.labelReader.read(file, image, attributes));
  }

  useSampleLabels() {
    return this.#takeLabels("use the sample's labels", async () => ({ runs: await this.#session.request("sampleLabelRuns", []).done }));
  }

  /** Removes all objects of an image. */
  removeLabels(id: string) {
    const { labels } = this.#objects;
    const current = this.#project.current.peek();
    if (current?.id === id && labels) this.#objects.replace("remove all labels", new Uint32Array(labels.width * labels.height));
    else this.#images.clearObjects(id);
  }

  downloadLabels() {
    const current = this.#project.current.peek();
    if (!current) return;
    // A PNG file cannot say that pixels are not annotated.
    const [method, ending] = current.labels.notAnnotated > 0 ? (["labelsTiff", "tif"] as const) : (["labelsPng", "png"] as const);
    this.#saveImage(() => this.#session.request(method, [current.runs(), current.width, current.height]).done, "labels", ending);
  }

  /** The mask as it is shown. */
  downloadMask() {
    const current = this.#project.current.peek();
    const { correctedMask } = this.#draft;
    if (!current) return;
    if (!correctedMask) return this.#saveImage(() => this.#session.request("maskPng", []).done, "mask");
    this.#saveImage(() => maskPng(correctedMask, current.width, current.height), "mask");
  }

  async downloadDecoder(what: DecoderFile, names: Naming) {
    const base = this.#session.model.info.peek()?.name ?? "model";
    this.savingDecoder.value = true;
    try {
      const file = await this.#decoderFile(what, names);
      const [suffix, ending] = {
        decoder: ["-decoder", "safetensors"],
        model: ["", names === "micro_sam" ? "pt" : "safetensors"],
        package: ["", "zip"],
      }[what];
      this.#browser.save(file, `${base.replaceAll(" ", "-")}-fine-tuned${suffix}.${ending}`);
    } catch (error) {
      this.#session.fail(error);
    }
    this.savingDecoder.value = false;
  }

  #decoderFile(what: DecoderFile, names: Naming) {
    if (what === "package") return this.#session.request("packageFile", []).done;
    return this.#session.request(what === "model" ? "mergedFile" : "decoderFile", [names]).done;
  }

  /** Saves what the finder has learned. */
  saveFinder() {
    const file = this.#project.suggestions.learned.peek()?.file;
    const base = this.#session.model.info.peek()?.name ?? "model";
    if (file) this.#browser.save(file, `${base.replaceAll(" ", "-")}-learned.safetensors`);
  }

  async export(format: ExportFormat, images: ProjectImage[]) {
    this.exported.value = 0;
    try {
      await this.#session.request("beginExport", [format, this.#project.classes.peek()]).done;
      for (const [place, image] of images.entries()) {
        await this.#addToExport(image);
        this.exported.value = (place + 1) / images.length;
      }
      const { name, file } = await this.#session.request("finishExport", []).done;
      this.#browser.save(file, name);
    } catch (error) {
      this.#session.fail(error);
    }
    this.exported.value = undefined;
  }

  /** Adds what a search found where no object is, in slices between which the page answers. */
  async addFound({ method, runs, objects }: FoundObjects) {
    const attributes = new Map(objects.map(({ id, iou }) => [id, this.#objects.fresh(iou)]));
    this.adding.value = true;
    try {
      const added = await this.#objects.add("find all objects", { runs, attributes }, SMALLEST_FOUND);
      if (added === 0) {
        const remedy =
          method === "grid"
            ? "more points, or a lower predicted IoU or stability"
            : "a lower foreground threshold, or higher ones of the distances";
        this.#notices.tell(`No object was found where none is yet; try ${remedy}.`);
      }
    } catch (error) {
      this.#session.fail(error);
    }
    this.adding.value = false;
  }

  async #addToExport(image: ProjectImage) {
    const { name, source, width, display } = image;
    const classes = this.#project.classes.peek();
    const place = (id: string | null) => {
      const found = classes.findIndex((one) => one.id === id);
      return found < 0 ? null : found;
    };
    const objects = [...image.objects].map(([id, { name, classId, iou }]) => ({ id, name, class: place(classId), iou }));
    await this.#session.request("addToExport", [name, source, image.runs(), width, objects, display]).done;
  }

  async #takeLabels(label: string, read: (image: OpenImage) => Promise<OpenedLabels | undefined>) {
    const current = this.#project.current.peek();
    if (!current || this.reading.peek()) return;
    this.reading.value = true;
    try {
      const opened = await read(current);
      if (!opened) {
        this.reading.value = false;
        return;
      }
      const { runs, objects, told } = opened;
      if (this.#project.current.peek() !== current) {
        throw new Error("Another image was opened before the labels were read; open them again for theirs.");
      }
      const ids = unpack(runs, current.width * current.height);
      batch(() => {
        this.#tools.endStroke();
        this.#objects.replace(label, ids, objects);
      });
      if (told) this.#notices.tell(told);
    } catch (error) {
      this.#session.fail(error);
    }
    this.reading.value = false;
  }

  async #saveImage(make: () => Promise<BlobPart>, kind: string, ending: "png" | "tif" = "png") {
    const { source, info } = this.#session.image;
    const stem = stemOf(source.peek() ?? { kind: "sample", name: "" }, info.peek()?.pages ?? 1);
    try {
      this.#browser.save(new Blob([await make()], { type: ending === "tif" ? "image/tiff" : "image/png" }), `${stem}-${kind}.${ending}`);
    } catch (error) {
      this.#session.fail(error);
    }
  }
}
