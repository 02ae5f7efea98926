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

type PointPrompt = { kind: "point"; x: number; y: number; positive: boolean };
type BoxPrompt = { kind: "box"; x0: number; y0: number; x1: number; y1: number };
/** In pixels of the original image, x to the right and y down. */
type Prompt = PointPrompt | BoxPrompt;

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

type ImageSource = { kind: "sample"; name: string } | { kind: "file"; name: string; file: Blob };

/** An edit of the prompts that waits for the engine. */
type Edit = Prompt | { kind: "undo" } | { kind: "clear" } | { kind: "select"; candidate: number };

type State = "loading" | "ready" | "encoding" | "encoded" | "predicting" | "masked" | "stopped";

interface Progress {
  label: string;
  /** From 0 to 1; null while unknown. */
  fraction: number | null;
}

/** The worker's requests, by name. */
interface WorkerMethods {
  create(device: string): DeviceInfo;
  loadModel(file: Blob): ModelInfo;
  loadStored(sha256: string): ModelInfo;
  openImage(file: Blob): ImageInfo;
  openSample(): ImageInfo;
  render(display: Display): Uint8ClampedArray<ArrayBuffer>;
  encode(display: Display): boolean;
  addPrompt(prompt: Prompt): MaskedPrediction;
  undo(): MaskedPrediction | undefined;
  clear(): void;
  replay(): MaskedPrediction | undefined;
  select(candidate: number): MaskedPrediction;
  /** Bytes of the engine's WebAssembly memory, which never shrinks. */
  memory(): number;
  maskPng(): Uint8Array<ArrayBuffer>;
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

declare module "*/engine/graysam.js" {
  export default function init(input?: { module_or_path: URL | string }): Promise<{ memory: WebAssembly.Memory }>;
  export function last_panic(): string | undefined;
  export class Sha256 {
    update(bytes: Uint8Array): void;
    hex(): string;
    free(): void;
  }
  export class Engine {
    static create(device: string): Promise<Engine>;
    readonly device: string;
    readonly device_note: string | undefined;
    load_model(file: Blob, progress: (fraction: number) => void): Promise<ModelInfo>;
    open_image(bytes: Uint8Array): ImageInfo;
    open_sample(): ImageInfo;
    render(display: Display): Uint8ClampedArray<ArrayBuffer>;
    /** Resolves to the key under which the embedding may have been kept. */
    begin_encoding(display: Display): Promise<string>;
    encode(progress: (step: number, steps: number) => void): Promise<boolean>;
    restore_embedding(values: Float32Array): Promise<void>;
    embedding(): Promise<Float32Array<ArrayBuffer>>;
    cancel(): void;
    add_point(x: number, y: number, positive: boolean): Promise<Prediction>;
    add_box(x0: number, y0: number, x1: number, y1: number): Promise<Prediction>;
    undo(): Promise<Prediction | undefined>;
    clear(): void;
    replay(): Promise<Prediction | undefined>;
    select(candidate: number): Promise<Prediction>;
    mask(): Uint8Array<ArrayBuffer>;
    mask_png(): Uint8Array<ArrayBuffer>;
  }
}
