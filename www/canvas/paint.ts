// How objects are painted: colours as packed RGBA.

/** RGBA as it lies in memory. */
export interface Paint {
  fill: number;
  outline: number;
  /** It is filled by stripes of the outline's colour. */
  striped?: boolean;
}

export function packed(red: number, green: number, blue: number, alpha: number) {
  return new Uint32Array(Uint8Array.of(red, green, blue, alpha).buffer)[0];
}

/** Of what is not annotated. */
export const NOT_ANNOTATED_PAINT: Paint = { fill: packed(160, 160, 160, 40), outline: packed(200, 200, 200, 200), striped: true };

const known = new Map<string, Paint>();

/** How an object of a colour is painted. @param colour #rrggbb */
export function paintOf(colour: string, selected: boolean): Paint {
  const key = `${colour}${selected}`;
  let paint = known.get(key);
  if (!paint) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    paint = {
      fill: packed(red, green, blue, selected ? 130 : 80),
      outline: selected ? packed(255, 255, 255, 255) : packed(red, green, blue, 255),
    };
    known.set(key, paint);
  }
  return paint;
}
