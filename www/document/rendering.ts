// The image as the engine renders it for the canvas.

import type { PixelBox } from "./geometry.js";

/** Pixels of the side of a tile in which the canvas draws; the coarsest rendered plane fits into one. */
export const TILE = 512;

/** The image as it is displayed, in 8 bits. */
export interface RenderedImage {
  /** At full size, at half, at a quarter and so on: grays, or RGB of a colour image. */
  planes: Uint8Array<ArrayBuffer>[];
  /** RGB of each of 256 grays; undefined for a colour image. */
  colours: Uint8Array | undefined;
}

/** A part of the image sampled at every step-th pixel of every step-th row; the box counts samples. */
export interface ImagePart {
  step: number;
  box: PixelBox;
}
