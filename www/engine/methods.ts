// What the page can ask of the worker, by name.

import type { RenderedImage, ImagePart } from "../document/rendering.js";
import type { StoredFile } from "../document/catalogue.js";
import type { PixelBox } from "../document/geometry.js";
import type { ImageSource, MaskRegion, ObjectClass, StoredModel, StoredTraining } from "../document/types.js";
import type {
  AutomaticMaskProgress,
  AutomaticMaskSettings,
  ChannelChoice,
  DecoderInfo,
  DeviceCheck,
  DeviceChoice,
  DeviceInfo,
  DeviceSpeed,
  Display,
  ExportFormat,
  FinderInfo,
  FinderQuality,
  FindingStep,
  FoundObject,
  ImageInfo,
  InstanceSettings,
  KnownObjects,
  Method,
  ModelInfo,
  Naming,
  ObjectRecord,
  Part,
  Prediction,
  PromptRound,
  SettingRanges,
  SuggestionInfo,
  TrainingInfo,
  TrainingReport,
  TrainingSettings,
} from "./graysam.js";

type Runs = Uint32Array<ArrayBuffer>;
type Bytes = Uint8Array<ArrayBuffer>;

/** A mask, or the part of the image that has to be encoded before there is one. */
export type MaskReply = { needs: Part } | { needs: undefined; prediction: Prediction; mask: MaskRegion };

/** What a search found with what was learned. */
export interface FoundSuggestions {
  suggestions: SuggestionInfo[];
  /** Of their masks, one after the other, as `MaskRegion` has them. */
  bits: Bytes;
  /** The sureness from which on they are best shown, 0..1. */
  threshold: number;
  /** Undefined: nothing was learned. */
  quality: FinderQuality | undefined;
}

/** An image for which objects are read. */
export interface PageOfImage {
  name: string;
  folder: string;
  /** From 0. */
  page: number;
  pages: number;
  width: number;
  height: number;
}

export interface ReadObjects extends KnownObjects {
  runs: Runs;
  /** Of so many separate parts the mask in the file is, which may be one object or several; undefined: it is no such mask. */
  parts: number | undefined;
  /** What the person should know of the reading; empty: nothing. */
  told: string;
}

/** Object maps cross as runs: pairs of (length, object number), row by row. */
export interface WorkerMethods {
  create(device: DeviceChoice): { device: DeviceInfo; ranges: SettingRanges };
  /**
   * Has the GPU compute what the CPU computes as well; what is wrong is not used from then on. Before a model is loaded.
   * @param choosesTiles has the fastest tiles of linear layers chosen first, where it is no software
   */
  checkDevice(choosesTiles: boolean): DeviceCheck;
  /** Does without what an earlier check of the same GPU has found wrong. */
  takeCheck(known: DeviceCheck): void;
  /** Checks and measures the GPU, with the loaded model; what is open stays as it is. */
  measureDevice(): DeviceSpeed;
  loadModel(file: Blob): ModelInfo;
  /** @param key of a file of the model store */
  loadStored(key: string): ModelInfo;
  /** Whether a file holds a decoder of instances without its model. */
  isInstanceDecoder(file: Blob): boolean;
  /** Opens one beside the loaded model. @param file or the key of a stored one */
  openInstanceDecoder(file: Blob | string): ModelInfo;
  openImage(file: Blob, page: number, channels?: ChannelChoice): ImageInfo;
  openSample(): ImageInfo;
  render(display: Display): RenderedImage;
  /** What is visible of a large image while its display changes; one plane of the part's box. */
  renderPart(display: Display, part: ImagePart): RenderedImage;
  /** Encodes the open image, or a part of it; false when it was cancelled. */
  encode(display: Display, part?: Part): boolean;
  /** The part that is best encoded next for clicks in the box, looked at in parts of this side; undefined: none. */
  missingPart(side: number, box: PixelBox): Part | undefined;
  /** Encodes another image and keeps its embedding for when that is opened; false when it was cancelled. */
  encodeAhead(source: ImageSource, display: Display): boolean;
  /** A small picture of channels of an image, in the display that it is opened with. */
  thumbnail(source: ImageSource, channels: ChannelChoice): Blob;
  /** Has the GPU compile its programs; only while no image is open. */
  warmUp(): void;
  /** Answers all rounds; undefined without any. */
  predict(rounds: readonly PromptRound[]): MaskReply | undefined;
  /** Bytes of the engine's WebAssembly memory, which never shrinks. */
  memory(): number;
  /** The mask for a single point, looked at in parts of this side, whatever the prompts are. */
  preview(point: { x: number; y: number }, side: number): MaskReply;
  maskPng(): Bytes;
  sampleLabelRuns(): Runs;
  labelsPng(runs: Uint32Array, width: number, height: number): Bytes;
  labelsTiff(runs: Uint32Array, width: number, height: number): Bytes;
  /** The side of the parts in which objects of this longer side are seen well; 0: the whole image. */
  suitedSide(extent: number): number;
  /** Begins a search for all objects of the open image. side: of the tiles, where the settings leave it open; 0: by the image */
  beginAutomaticMasks(display: Display, settings: AutomaticMaskSettings, side: number): void;
  /** Begins a search by the model's decoder of instances, which goes on as the other one. */
  beginInstances(display: Display, method: Method, settings: InstanceSettings, side: number): void;
  advanceAutomaticMasks(): AutomaticMaskProgress;
  dropAutomaticMasks(): void;
  finishAutomaticMasks(): { runs: Runs; objects: FoundObject[] };
  /** Begins learning from the open image's labels and the suggestions that were thrown away there, then finding in it. */
  beginLearning(display: Display, runs: Uint32Array, rejected: readonly MaskRegion[]): void;
  /** Begins finding in an image, open or not, with what was learned or opened last. runs: of its labels; empty: none */
  beginFinding(source: ImageSource, display: Display, runs: Uint32Array): void;
  /** Does the next piece of either; undefined: it is done. */
  advanceFinding(): FindingStep | undefined;
  dropFinding(): void;
  finishFinding(): FoundSuggestions;
  /** What was learned. */
  finderFile(): Blob;
  /** Takes what was learned before. Refused if that was on another base model. */
  openFinder(file: Blob): FinderInfo;
  beginExport(format: ExportFormat, classes: readonly ObjectClass[]): void;
  /** @param display whose channels are measured, and which may say how large a pixel is */
  addToExport(
    name: string,
    source: ImageSource,
    runs: Uint32Array,
    width: number,
    objects: ObjectRecord[],
    display: Display | undefined,
  ): void;
  finishExport(): { name: string; file: Blob };
  /** Begins the label files of a project file, and ends those that were under way. */
  beginProjectLabels(classes: readonly ObjectClass[]): void;
  /** Adds an image to the COCO file. Its label image as a TIFF file; undefined: none can hold its objects' numbers. */
  addProjectLabels(name: string, runs: Uint32Array, width: number, height: number, objects: ObjectRecord[]): Bytes | undefined;
  /** The COCO file. */
  finishProjectLabels(): Blob;
  /** The objects of a label image that is to have this size. */
  readProjectLabels(file: Blob, width: number, height: number): Runs;
  /** The objects that a label image or a file of annotations has for a page. @param parted parts of a mask are objects */
  readObjects(file: Blob, page: PageOfImage, parted: boolean): ReadObjects;
  baseSha256(): string;
  openDecoder(file: Blob): DecoderInfo;
  useFineTuned(on: boolean): void;
  /** The untouched decoder's mask for the prompts that were answered last. */
  untouchedMask(): MaskReply | undefined;
  /** Takes an image for the training set. How many parts of it have to be encoded. */
  beginLabelled(source: ImageSource, display: Display, runs: Uint32Array): number;
  /** Encodes the next of these parts; false when it was cancelled. */
  encodeLabelled(): boolean;
  /** Puts the image into the training set. */
  addLabelled(): void;
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
  decoderFile(names: Naming): Blob;
  mergedFile(names: Naming): Blob;
  /** A BioImage.IO package of the whole model with the fine-tuned decoder. */
  packageFile(): Blob;
  listModels(): StoredModel[];
  /**
   * Resolves to false when it was cancelled; what has come stays for a later resume. Where the browser keeps no files, to
   * the file itself, which lasts as long as somebody holds it.
   */
  downloadModel(file: StoredFile): Blob | boolean;
  removeModel(key: string): void;
}

export type WorkerMethod = keyof WorkerMethods;

/** The engine's code. */
export interface CompiledEngine {
  code: WebAssembly.Module;
  /** With how many it begins of memory that is not shared; undefined: it takes memory that is. */
  pages: number | undefined;
}

/** What further threads of the engine need. */
export interface SharedEngine {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** The module of fused products; undefined where the browser does not know its instructions. */
  tiles: Bytes | undefined;
}

/** compiled: once; undefined: the worker has to compile it. pool: so many further threads are there. */
export type ToWorker =
  | { [M in WorkerMethod]: { id: number; method: M; args: Parameters<WorkerMethods[M]> } }[WorkerMethod]
  | { compiled: CompiledEngine | undefined }
  | { cancel: number }
  /** A person waits for what is under way to end. */
  | { hurry: true }
  | { pool: number };

export type FromWorker =
  | { ready: true }
  | { id: number; value: unknown }
  | { id: number; fraction: number }
  | { id: number; error: string }
  | { crash: string }
  | { shared: SharedEngine; beside: boolean };

/** What a further thread tells the page. */
export type FromThread = { ready: true } | { arrived: true } | { crash: string };
