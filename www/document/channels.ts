// Which channels of an image are shown, measured and given to the model.

import type { ChannelChoice, Display, ImageInfo } from "../engine/graysam.js";

/** Colours of a composite. */
const COLOURS = 3;

/** Of a display that chooses none: those that the file shows by itself. */
export function channelsOf(display: Display | undefined): ChannelChoice {
  return display?.channels ?? "own";
}

export function sameChannels(a: ChannelChoice, b: ChannelChoice) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What a channel is called, by its place from 0. */
export function channelName(names: readonly string[], channel: number) {
  const name = names[channel];
  return name ? name[0].toUpperCase() + name.slice(1) : `Channel ${channel + 1}`;
}

/** The display in other channels, in which the black and white points of this one mean nothing. */
export function inChannels(display: Display, channels: ChannelChoice): Display {
  return { ...display, channels, window: display.window === "range" ? "percentile" : display.window, voi: null };
}

/** The first channels as red, green and blue. */
export function firstComposite({ channels }: ImageInfo): ChannelChoice {
  const place = (colour: number) => (colour < channels.length ? colour : null);
  return { composite: [place(0), place(1), place(2)] };
}

/** What another image of the same channels is to be shown in, too. */
export function channelsBeside(display: Display, info: ImageInfo): ChannelChoice {
  const channels = channelsOf(display);
  // Where the next page is the next channel, one channel would be shown once more.
  const turns = typeof channels === "object" && "one" in channels && (info.axes?.channels ?? 1) > 1;
  return turns ? "own" : channels;
}

/** Whether a value that comes from outside is a choice of channels. */
export function isChannelChoice(value: unknown): value is ChannelChoice {
  const place = (channel: unknown) => Number.isSafeInteger(channel) && Number(channel) >= 0;
  if (value === "own") return true;
  if (typeof value !== "object" || value === null) return false;
  if ("one" in value) return place(value.one);
  if (!("composite" in value) || !Array.isArray(value.composite) || value.composite.length !== COLOURS) return false;
  return value.composite.every((channel) => channel === null || place(channel)) && value.composite.some(place);
}
