// Shared types. Global, so that every module's JSDoc can name them.

/** What the engine tells about an opened image; intensities are in the file's own units. */
interface ImageInfo {
  width: number;
  height: number;
  kind: "8-bit grayscale" | "16-bit grayscale" | "32-bit float grayscale" | "colour";
  min: number;
  max: number;
  /** The percentile window. */
  low: number;
  high: number;
  /** The range that the file's type can hold. */
  full_min: number;
  full_max: number;
  /** 256 bins from min to max. */
  histogram: number[] | Uint32Array;
  /** Which of the file's pages it is, from 0, and how many there are. */
  page: number;
  pages: number;
  /** The values that the file would show as black and white. */
  window: [number, number] | null;
  /** The file would show large values dark. */
  invert: boolean;
}

/** How intensities become the gray values that are shown and encoded. */
interface Display {
  window: "percentile" | "minmax" | "full" | "range";
  /** Black and white points, used by the "range" window. */
  black: number;
  white: number;
  gamma: number;
  invert: boolean;
  colormap: "gray" | "viridis" | "inferno";
}

/** The image as it is displayed, in 8 bits. */
interface RenderedImage {
  /** At its own size, at half, at a quarter and so on: grays, or RGB of a colour image. */
  planes: Uint8Array<ArrayBuffer>[];
  /** RGB of each of 256 grays; undefined for a colour image. */
  colours: Uint8Array | undefined;
}

/** A part of the image, sampled at every step-th pixel of every step-th row; the box counts only those. */
interface ImagePart {
  step: number;
  box: PixelBox;
}

type PointPrompt = { kind: "point"; x: number; y: number; positive: boolean };
type BoxPrompt = { kind: "box"; x0: number; y0: number; x1: number; y1: number };
/** A mask with its box: the lengths of its pixels outside and inside in turn, row by row of the box. */
type MaskPrompt = { kind: "mask"; x0: number; y0: number; x1: number; y1: number; runs: number[] };
/** In pixels of the original image, x to the right and y down. */
type Prompt = PointPrompt | BoxPrompt | MaskPrompt;

/** Prompts that are no object yet, with what a person chose and corrected. */
interface InHandPrompts {
  prompts: Prompt[];
  ious: number[];
  selected: number;
  /** The object that they are to give another shape, 0 for a new one. */
  refined: number;
  /** See DraftMask; null: none. */
  corrections: number[] | null;
}

interface Prediction {
  prompts: Prompt[];
  /** Predicted IoU of each candidate: three after a single point, else one. */
  ious: number[];
  selected: number;
  /** Pixels of the selected mask. */
  area: number;
}

/** A prediction with its selected mask: 255 inside, 0 outside, width * height. */
interface MaskedPrediction {
  prediction: Prediction;
  mask: Uint8Array;
}

interface ModelInfo {
  name: string;
  parameters: number;
}

interface DeviceInfo {
  device: string;
  /** Why WebGPU was not taken under "auto". */
  note: string | undefined;
  /** A GPU worth the name computes. */
  gpu: boolean;
}

interface CatalogueEntry {
  id: string;
  name: string;
  description: string;
  /** Tried in order; relative ones count from the catalogue. */
  addresses: string[];
  bytes: number | null;
  sha256: string;
  licence: string;
  licence_url: string;
}

interface StoredModel {
  sha256: string;
  bytes: number;
  /** The whole file is there and its checksum is right. */
  verified: boolean;
}

type ModelSource =
  | { kind: "default" }
  | { kind: "stored"; entry: CatalogueEntry }
  | { kind: "file"; file: File };

type ImageSource = ({ kind: "sample" } | { kind: "file"; file: Blob }) & {
  name: string;
  /** Of a file with several, from 0. */
  page?: number;
};

/** What is known of an object besides its pixels. */
interface ObjectAttributes {
  /** Empty: it is called by its number. */
  name: string;
  classId: string | null;
  /** Its own, #rrggbb; null: its class's, or one by its number. */
  colour: string | null;
  hidden: boolean;
  /** Its pixels stay as they are. */
  locked: boolean;
  /** As the model predicted it; null: drawn or opened. */
  iou: number | null;
}

/** An object as files have it; class is a place in the list of classes. */
interface ExportedObject {
  id: number;
  name: string;
  class: number | null;
  iou: number | null;
}

/** Of the search for all objects; see everything/mod.rs. */
interface EverythingSettings {
  points_per_side: number;
  batch: number;
  iou_threshold: number;
  stability_threshold: number;
  nms_threshold: number;
  min_area: number;
  max_share: number;
  tile: number;
  overlap: number;
}

interface EverythingProgress {
  fraction: number;
  /** Masks so far, some of which may be of one object. */
  found: number;
  finished: boolean;
}

interface FoundEverything {
  ids: Uint32Array<ArrayBuffer>;
  objects: { id: number; iou: number; stability: number; area: number }[];
}

interface ReadObjects {
  ids: Uint32Array<ArrayBuffer>;
  objects: ExportedObject[];
  /** A colour is empty where the file has none. */
  classes: Omit<ObjectClass, "id">[];
}

interface ObjectClass {
  id: string;
  name: string;
  /** #rrggbb */
  colour: string;
}

/** A rectangle of pixels; x1 and y1 lie just outside. */
interface PixelBox {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

type Tool = "prompt" | "select" | "draw" | "erase" | "polygon" | "cut";

/** An edit of the prompts that waits for the engine. */
type Edit = Prompt | { kind: "undo" } | { kind: "clear" } | { kind: "select"; candidate: number };

type State = "loading" | "ready" | "encoding" | "encoded" | "predicting" | "masked" | "stopped";

interface Progress {
  label: string;
  /** From 0 to 1; null while unknown. */
  fraction: number | null;
}

/** A labelled image of the project. */
interface LabelledImage {
  id: string;
  name: string;
  source: ImageSource;
  display: Display;
  width: number;
  height: number;
  heldOut: boolean;
  objects: number;
  /** Its object numbers, packed; they do not change any more. */
  runs: () => Uint32Array;
}

/** Mean IoUs over held-out objects. */
interface Scores {
  objects: number;
  point_iou: number;
  box_iou: number;
}

/** Mean IoUs of the decoder after so many steps; step 0 is the untouched one. */
interface StepScores {
  step: number;
  point_iou: number;
  box_iou: number;
}

interface DecoderInfo {
  /** The base model's name. */
  base: string;
  before: Scores | null;
  after: Scores | null;
  /** Those after which it was best. */
  steps: number;
}

interface TrainingSettings {
  steps: number;
  /** Objects in a step. */
  batch: number;
  learning_rate: number;
  /** 1 is the first prompt only; each further round is a correcting click. */
  rounds: number;
  /** The part of the objects whose first prompt is a point, from 0 to 1; that of the others is a box. */
  points: number;
  /** The part of the objects that is held out when no image is, from 0 to 1. */
  held_out: number;
  /** Steps between two judgements. */
  judge_every: number;
  seed: number;
}

interface TrainingInfo {
  step: number;
  settings: TrainingSettings;
  training_objects: number;
  held_out_objects: number;
  /** Of each step so far; null: it was no number and the step was skipped. */
  losses: (number | null)[];
  scores: StepScores[];
}

interface TrainingReport {
  step: number;
  steps: number;
  /** There after a step; null: it was no number and the step was skipped. */
  loss?: number | null;
  /** Objects judged and all of them, during a judgement. */
  judged: [number, number] | null;
  /** There when a judgement is complete. */
  scores: StepScores | null;
  finished: boolean;
}

/** What is kept beside a training's checkpoint. */
interface StoredTraining {
  /** SHA-256 of the base model's file. */
  base: string;
  /** The base model's name. */
  model: string;
  settings: TrainingSettings;
  step: number;
  /** Milliseconds since 1970. */
  when: number;
  /** The labelled images' ids, in the order in which they were added. */
  images: string[];
}

type DecoderNames = "segment_anything" | "hugging_face";

/** The worker's requests, by name. */
interface WorkerMethods {
  create(device: string): DeviceInfo;
  loadModel(file: Blob): ModelInfo;
  loadStored(sha256: string): ModelInfo;
  openImage(file: Blob, page: number): ImageInfo;
  openSample(): ImageInfo;
  render(display: Display): RenderedImage;
  /** What is visible of a large image while its display changes; one plane of the part's box. */
  renderPart(display: Display, part: ImagePart): RenderedImage;
  encode(display: Display): boolean;
  /** Encodes another image and keeps its embedding for when that is opened; false when it was cancelled. */
  encodeAhead(source: ImageSource, display: Display): boolean;
  /** A small picture of an image, in the display that it is opened with. */
  thumbnail(source: ImageSource): Blob;
  /** Has the GPU compile its programs; only while no image is open. */
  warmUp(): void;
  addPrompt(prompt: Prompt): MaskedPrediction;
  undo(): MaskedPrediction | undefined;
  clear(): void;
  replay(): MaskedPrediction | undefined;
  select(candidate: number): MaskedPrediction;
  /** Bytes of the engine's WebAssembly memory, which never shrinks. */
  memory(): number;
  /** The mask for a single point, whatever the prompts are: 255 inside, 0 outside, width * height. */
  preview(point: { x: number; y: number }): Uint8Array<ArrayBuffer>;
  maskPng(): Uint8Array<ArrayBuffer>;
  /** The object numbers of a label image for the open image. */
  labelIds(file: Blob): Uint32Array<ArrayBuffer>;
  sampleLabels(): Uint32Array<ArrayBuffer>;
  labelsPng(ids: Uint32Array, width: number, height: number): Uint8Array<ArrayBuffer>;
  /** Begins a search for all objects of the open image. */
  beginEverything(display: Display, settings: EverythingSettings): void;
  advanceEverything(): EverythingProgress;
  finishEverything(): FoundEverything;
  /** Begins a file of objects, such as "coco"; see annotation/export.rs for the formats. */
  beginExport(format: string, classes: Omit<ObjectClass, "id">[]): void;
  addToExport(name: string, source: ImageSource, ids: Uint32Array, width: number, objects: ExportedObject[]): void;
  /** The file, and what follows the image's or the project's name. */
  finishExport(): { suffix: string; file: Blob };
  /** The objects that a COCO file has for an image. */
  readCoco(file: Blob, name: string, width: number, height: number): ReadObjects;
  baseSha256(): string;
  openDecoder(file: Blob): DecoderInfo;
  decoderInfo(): DecoderInfo | undefined;
  useFineTuned(on: boolean): void;
  untouchedMask(): Uint8Array<ArrayBuffer> | undefined;
  /** Puts an image into the training set, encoding it if need be; false when it was cancelled. */
  addLabelled(source: ImageSource, display: Display, ids: Uint32Array): boolean;
  clearLabelled(): void;
  /** heldOut: places of the held-out images; empty: a part of the objects. */
  startTraining(settings: TrainingSettings, heldOut: number[]): TrainingInfo;
  /** Takes up the training of the stored checkpoint; its images must have been added. */
  resumeTraining(): TrainingInfo;
  train(): TrainingReport;
  adoptBest(): DecoderInfo | undefined;
  /** Keeps a checkpoint of the training in the browser's storage. */
  storeCheckpoint(about: Omit<StoredTraining, "base">): StoredTraining;
  storedTraining(): StoredTraining | undefined;
  removeCheckpoint(): void;
  decoderFile(names: DecoderNames): Blob;
  mergedFile(names: DecoderNames): Blob;
  listModels(): StoredModel[];
  /** Resolves to false when it was cancelled; the part that came stays for a later resume. */
  downloadModel(entry: CatalogueEntry): boolean;
  removeModel(sha256: string): void;
}

type WorkerMethod = keyof WorkerMethods;

type ToWorker =
  | { [M in WorkerMethod]: { id: number; method: M; args: Parameters<WorkerMethods[M]> } }[WorkerMethod]
  | { cancel: number };

type FromWorker =
  | { ready: true }
  | { id: number; value: unknown }
  | { id: number; fraction: number }
  | { id: number; error: string }
  | { crash: string };

/** Of the worker's library, which the DOM library leaves out. */
interface FileSystemSyncAccessHandle {
  read(buffer: Uint8Array, options?: { at?: number }): number;
  write(buffer: Uint8Array, options?: { at?: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}

/** Of the service worker's library, which the DOM library leaves out. */
interface ServiceWorkerScope {
  readonly registration: ServiceWorkerRegistration;
  /** Of site_files.js: each file's integrity metadata by its path in the site; the page itself is "". */
  readonly SITE: { version: string; files: Record<string, string> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: { waitUntil(done: Promise<void>): void }) => void): void;
  addEventListener(
    type: "fetch",
    listener: (event: { request: Request; respondWith(response: Promise<Response>): void }) => void,
  ): void;
  addEventListener(type: "message", listener: (event: MessageEvent<unknown>) => void): void;
}

declare function importScripts(...addresses: string[]): void;

declare module "*/engine/graysam.js" {
  export default function init(input?: { module_or_path: URL | string }): Promise<{ memory: WebAssembly.Memory }>;
  export function last_panic(): string | undefined;
  export class Sha256 {
    update(bytes: Uint8Array): void;
    hex(): string;
    free(): void;
  }
  export class ObjectExport {
    constructor(format: string, classes: Omit<ObjectClass, "id">[]);
    add(name: string, ids: Uint32Array, width: number, objects: ExportedObject[], file: Uint8Array | undefined, page: number): void;
    /** Takes the export apart. */
    finish(): { suffix: string; bytes(): Uint8Array<ArrayBuffer> };
    free(): void;
  }
  export class CocoObjects {
    static read(file: Uint8Array, name: string, width: number, height: number): CocoObjects;
    known(): Pick<ReadObjects, "objects" | "classes">;
    /** Takes the objects apart. */
    ids(): Uint32Array<ArrayBuffer>;
  }
  /** A linear layer of noise, for measurements. */
  export class Product {
    constructor(engine: Engine, rows: number, inputs: number, outputs: number);
    run(): Promise<void>;
  }
  export class Engine {
    static create(device: string): Promise<Engine>;
    readonly device: string;
    readonly device_note: string | undefined;
    readonly device_is_gpu: boolean;
    /** A lost GPU does not come back; only a new engine helps. */
    readonly device_failed: boolean;
    /** The CPU device multiplies with relaxed SIMD. */
    readonly products_are_fused: boolean;
    load_model(file: Blob, progress: (fraction: number) => void): Promise<ModelInfo>;
    /** A file's pages count from 0. */
    open_image(bytes: Uint8Array, page: number): ImageInfo;
    open_sample(): ImageInfo;
    /** Planes down to one that is no larger than `side`. */
    render(display: Display, side: number): RenderedImage["planes"];
    /** [begin, end] of columns and rows, of which only every `step`-th counts. */
    render_part(display: Display, step: number, columns: Uint32Array, rows: Uint32Array): Uint8Array<ArrayBuffer>;
    colours(display: Display): RenderedImage["colours"];
    /** A PNG file of an image file, or of the sample, at most `side` pixels wide and high. */
    thumbnail(file: Uint8Array | undefined, page: number, side: number): Uint8Array<ArrayBuffer>;
    /** The key under which the embedding may have been kept. */
    begin_encoding(display: Display): string;
    encode(progress: (step: number, steps: number) => void): Promise<boolean>;
    restore_embedding(values: Float32Array): Promise<void>;
    embedding(): Promise<Float32Array<ArrayBuffer>>;
    warm_up(): Promise<void>;
    /** Stops an encode or a warm-up after the step it is at. */
    cancel(): void;
    add_point(x: number, y: number, positive: boolean): Promise<Prediction>;
    add_box(x0: number, y0: number, x1: number, y1: number): Promise<Prediction>;
    add_mask(corners: Uint32Array, runs: Uint32Array): Promise<Prediction>;
    undo(): Promise<Prediction | undefined>;
    clear(): void;
    replay(): Promise<Prediction | undefined>;
    select(candidate: number): Promise<Prediction>;
    mask(): Uint8Array<ArrayBuffer>;
    mask_png(): Uint8Array<ArrayBuffer>;
    preview(x: number, y: number): Promise<Uint8Array<ArrayBuffer>>;
    /** Throws when it is no label image, empty, or of another size than the open image. */
    label_ids(bytes: Uint8Array): Uint32Array<ArrayBuffer>;
    sample_labels(): Uint32Array<ArrayBuffer>;
    labels_png(ids: Uint32Array, width: number, height: number): Uint8Array<ArrayBuffer>;
    base_sha256(): Promise<string>;
    /** Uses the file's decoder; prompts are kept for replay. */
    open_decoder(file: Blob): Promise<DecoderInfo>;
    decoder_info(): DecoderInfo | undefined;
    use_fine_tuned(on: boolean): Promise<void>;
    /** What the untouched decoder gives for the same prompts. */
    untouched_mask(): Promise<Uint8Array<ArrayBuffer> | undefined>;
    /** As begin_encoding, for the training set; undefined is the bundled sample. Then encode or restore_embedding. */
    begin_everything(display: Display, settings: EverythingSettings): Promise<void>;
    advance_everything(): Promise<EverythingProgress>;
    /** Takes the search apart. */
    finish_everything(): { objects(): FoundEverything["objects"]; ids(): Uint32Array<ArrayBuffer> };
    begin_labelled(bytes: Uint8Array | undefined, page: number, display: Display): string;
    /** Puts the image just encoded into the training set. */
    add_labelled(ids: Uint32Array): void;
    /** Empties the training set and drops the training. */
    clear_labelled(): void;
    start_training(settings: TrainingSettings, held_out: number[]): Promise<TrainingInfo>;
    resume_training(checkpoint: Blob): Promise<TrainingInfo>;
    /** A step, or a part of a judgement. Throws after three losses in a row that are no numbers. */
    train(): Promise<TrainingReport>;
    /** Uses the best decoder so far; undefined, and nothing changes, when that is the untouched one. */
    adopt_best(): Promise<DecoderInfo | undefined>;
    checkpoint(): Promise<Uint8Array<ArrayBuffer>>;
    decoder_file(names: DecoderNames): Promise<Uint8Array<ArrayBuffer>>;
    merged_file(names: DecoderNames, sink: (piece: Uint8Array<ArrayBuffer>) => void): Promise<void>;
  }
}
