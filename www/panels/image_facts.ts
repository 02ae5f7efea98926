// What is known of an image, in a line.

import { folderOf } from "../document/source.js";
import type { ImageSource } from "../document/types.js";
import type { ImageInfo } from "../engine/graysam.js";

/** Such as "stack.tif, page 2 of 9, in plate 1: 640 × 512, 16-bit grayscale, 0.25 µm a pixel". */
export function factsOf(info: ImageInfo, source: ImageSource) {
  const { width, height, kind, page, pages, pixel_size: pixel } = info;
  const which = pages > 1 ? `, page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}` : "";
  const folder = folderOf(source);
  const where = folder ? `, in ${folder}` : "";
  const scale = pixel ? `, ${sizeOf(pixel.size)} ${pixel.unit} a pixel` : "";
  return `${source.name}${which}${where}: ${width} × ${height}, ${kind}${scale}`;
}

/** One side where the pixels are square. */
function sizeOf(sides: readonly number[]) {
  const texts = sides.map((side) => Number(side.toPrecision(4)).toString());
  return [...new Set(texts)].join(" × ");
}
