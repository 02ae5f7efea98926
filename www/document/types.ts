// Records that several rooms share. What the engine declares comes from engine/graysam.d.ts.

import type { Prompt, TrainingSettings } from "../engine/graysam.js";
import type { PixelBox } from "./geometry.js";

/** A mask within its box; outside of it nothing is inside. An empty one has no bits and a box of zeros. */
export interface MaskRegion extends PixelBox {
  /** 255 inside, 0 outside, row by row of the box. */
  bits: Uint8Array<ArrayBuffer>;
}

export type PointPrompt = Extract<Prompt, { kind: "point" }>;
export type BoxPrompt = Extract<Prompt, { kind: "box" }>;
/** A mask with its box: the lengths of its pixels outside and inside in turn, row by row of the box. */
export type MaskPrompt = Extract<Prompt, { kind: "mask" }>;

export type ImageSource = ({ kind: "sample" } | ImageFile) & {
  name: string;
  /** Of a file with several pages, from 0. */
  page?: number;
};

export interface ImageFile {
  kind: "file";
  /** Empty where it is missing. */
  file: Blob;
  /** Names what is in it; see `contentKey`. Undefined until it was read. */
  content?: string;
  /** Where it is in the folder that was opened, its name included. */
  path?: string;
  /** The file is not here: the person has to open it again. */
  missing?: boolean;
}

/** A picture in the browser's storage, which is read when it is shown. */
export interface StoredPicture {
  getFile(): Promise<Blob>;
}

/** What is known of an object besides its pixels. */
export interface ObjectAttributes {
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

export interface ObjectClass {
  id: string;
  name: string;
  /** #rrggbb */
  colour: string;
}

/** A model that the page offers for download; see catalogue.json. */
export interface CatalogueEntry extends ModelFile {
  id: string;
  name: string;
  description: string;
  licence: string;
  licence_url: string;
  /** Its decoder of instances, where that is a file of its own. */
  decoder?: ModelFile;
}

/** A file of a model. */
export interface ModelFile {
  /** Tried in order. */
  addresses: string[];
  /** null: not known before it is downloaded. */
  bytes: number | null;
  /** null: not known before it is downloaded. */
  sha256: string | null;
}

/** A downloaded file of a model, whole or in part. */
export interface StoredModel {
  /** See `StoredFile`. */
  key: string;
  bytes: number;
  /** The SHA-256 of the whole file; undefined: it is not whole. */
  sha256: string | undefined;
}

/**
 * A model of the catalogue is in the browser's storage, or else at hand as a file.
 * The decoder, of instances, is one that was opened beside the model.
 */
export type ModelSource = { decoder?: Blob } & (
  { kind: "default" } | { kind: "stored"; entry: CatalogueEntry; file?: Blob } | { kind: "file"; file: File }
);

/** What is stored beside a training's checkpoint. */
export interface StoredTraining {
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

export interface Progress {
  label: string;
  /** From 0 to 1; null while unknown. */
  fraction: number | null;
}
