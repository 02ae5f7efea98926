// How large pixels are, and the bar that shows it.

import type { Display, ImageInfo, PixelSize } from "../engine/graysam.js";

/** Units of length in nm, the largest first. */
const UNITS = [
  ["mm", 1e6],
  ["µm", 1e3],
  ["nm", 1],
] as const;
const STEPS = [5, 2, 1];
/** So that rounding does not cost a step. */
const TOLERANCE = 1e-9;

export interface ScaleBar {
  /** In image pixels. */
  length: number;
  /** Such as "20 µm". */
  text: string;
}

/** What the person has set, or else what the file says. */
export function pixelSizeOf(display: Display | undefined, info: ImageInfo | undefined): PixelSize | null {
  return display?.pixel_size ?? info?.pixel_size ?? null;
}

/** The same shape of a pixel with another width; null: none, as that is no length. */
export function withWidth(before: PixelSize | null, width: number, unit: string): PixelSize | null {
  const height = before ? (width * before.size[1]) / before.size[0] : width;
  const found: PixelSize = { size: [width, height], unit };
  return isPixelSize(found) ? found : null;
}

/** Whether a value that comes from outside is a pixel's size. */
export function isPixelSize(value: unknown): value is PixelSize {
  if (typeof value !== "object" || value === null || !("size" in value) || !("unit" in value)) return false;
  const { size, unit } = value;
  const sides = Array.isArray(size) && size.length === 2 && size.every((side) => Number.isFinite(side) && side > 0);
  return sides && UNITS.some(([known]) => known === unit);
}

/**
 * The longest bar of 1, 2 or 5 times a power of ten.
 * @param most its most, in image pixels
 */
export function scaleBarOf({ size: [width], unit }: PixelSize, most: number): ScaleBar {
  const perUnit = UNITS.find(([known]) => known === unit)?.[1] ?? 1;
  const nanometres = most * width * perUnit;
  const power = 10 ** Math.floor(Math.log10(nanometres * (1 + TOLERANCE)));
  const step = STEPS.find((times) => times * power <= nanometres * (1 + TOLERANCE)) ?? 1;
  const length = step * power;
  const [shown, factor] = UNITS.find(([, each]) => length >= each * (1 - TOLERANCE)) ?? UNITS[UNITS.length - 1];
  const text = `${Number((length / factor).toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })} ${shown}`;
  return { length: length / (width * perUnit), text };
}
