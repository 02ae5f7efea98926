// The display of an image: how its intensities become the grays that are shown and given to the model.

import type { ChannelChoice, Display, ImageInfo } from "../engine/graysam.js";
import { channelsBeside, channelsOf, sameChannels } from "./channels.js";

/** Black and white points as a window other than "range" has them. */
function ends(window: Display["window"], info: ImageInfo, { black, white }: Display): [number, number] {
  switch (window) {
    case "percentile":
      return [info.low, info.high];
    case "minmax":
      return [info.min, info.max];
    case "full":
      return [info.full_min, info.full_max];
    case "range":
      return [black, white];
  }
}

/** The display in one of the file's own ways, from 0; as it is where the file has none there. */
export function inFilesWay(display: Display, info: ImageInfo, way: number): Display {
  const found = info.voi[way];
  return found ? { ...display, window: "range", black: found.black, white: found.white, voi: way } : display;
}

/** The display with the black and white points of its window. */
export function placed(display: Display, info: ImageInfo): Display {
  if (typeof display.voi === "number" && display.voi < info.voi.length) return inFilesWay(display, info, display.voi);
  const [black, white] = ends(display.window, info, display);
  return { ...display, black, white };
}

/** What of a display decides on the pixels that are shown, as text. */
export function pixelsKey(display: Display) {
  return JSON.stringify({ ...display, pixel_size: undefined });
}

/** What the file asks for, and otherwise the engine's default. */
export function defaultDisplay(info: ImageInfo, usual: Display): Display {
  return ofFile({ ...usual, invert: info.invert }, info);
}

/**
 * For an image that is opened for the first time: what the person chose for the image before it, except its black and
 * white points, which mean nothing in another image.
 * @param sameFile the image before it is another page of the file
 */
export function initialDisplay(info: ImageInfo, before: Display, infoBefore: ImageInfo | undefined, sameFile = false): Display {
  // Whoever inverted the last image wants the next one inverted too, if both files ask for the same.
  const invert = info.invert === (infoBefore?.invert ?? false) ? before.invert : info.invert;
  const window = before.window === "range" ? "percentile" : before.window;
  // Another file may be of another microscope.
  const pixel_size = (sameFile && before.pixel_size) || null;
  const channels = infoBefore && haveSameChannels(info, infoBefore) ? channelsBeside(before, infoBefore) : "own";
  return ofFile(choosing(channels, { ...before, window, invert, voi: null, pixel_size }), info);
}

function haveSameChannels(a: ImageInfo, b: ImageInfo) {
  return JSON.stringify([a.channels, a.axes?.channels]) === JSON.stringify([b.channels, b.axes?.channels]);
}

/** A display in which nothing was chosen stays without a choice. */
function choosing(channels: ChannelChoice, display: Display): Display {
  return sameChannels(channels, channelsOf(display)) ? display : { ...display, channels };
}

function ofFile(display: Display, info: ImageInfo): Display {
  if (info.voi.length > 0) return inFilesWay(display, info, 0);
  if (!info.window) return placed(display, info);
  const [black, white] = info.window;
  return { ...display, window: "range", black, white };
}
