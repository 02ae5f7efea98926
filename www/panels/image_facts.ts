// What is known of an image, in a line.

import { folderOf } from "../document/source.js";
import type { ImageSource } from "../document/types.js";
import type { ImageInfo } from "../engine/graysam.js";

/** The axes of a stack, in the order of a page's place on them. */
const AXES = ["channel", "slice", "frame"];

/** Such as "stack.tif, page 2 of 9 (slice 1, frame 2), in plate 1: 640 × 512, 16-bit grayscale, 0.25 µm a pixel". */
export function factsOf(info: ImageInfo, source: ImageSource) {
  const { width, height, kind, page, pages, pixel_size: pixel } = info;
  const which = pages > 1 ? `, page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}${onAxes(info)}` : "";
  const folder = folderOf(source);
  const where = folder ? `, in ${folder}` : "";
  const scale = pixel ? `, ${sizeOf(pixel.size)} ${pixel.unit} a pixel` : "";
  return `${source.name}${which}${where}: ${width} × ${height}, ${kind}${scale}`;
}

/** Where the page is on the axes along which the file has several pages. */
function onAxes({ axes, place }: ImageInfo) {
  if (!axes || !place) return "";
  const counts = [axes.channels, axes.slices, axes.frames];
  const places = AXES.map((axis, i) => `${axis} ${(place[i] + 1).toLocaleString("en")}`);
  return ` (${places.filter((_, i) => counts[i] > 1).join(", ")})`;
}

/** One side where the pixels are square. */
function sizeOf(sides: readonly number[]) {
  const texts = sides.map((side) => Number(side.toPrecision(4)).toString());
  return [...new Set(texts)].join(" × ");
}
