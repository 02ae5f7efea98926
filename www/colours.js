// The colours of objects: their own, their class's, or one by their number.

/** @typedef {{fill: number, outline: number}} Colours RGBA as it lies in memory */

/** @param {number} red @param {number} green @param {number} blue @param {number} alpha */
export function packed(red, green, blue, alpha) {
  return new Uint32Array(Uint8Array.of(red, green, blue, alpha).buffer)[0];
}

/** @param {number} hue in turns @returns {string} bright and saturated, #rrggbb */
function ofHue(hue) {
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue * 12) % 12;
    const value = Math.round(255 * (0.55 - 0.45 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    return value.toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/** Hues a golden section apart, so that neighbouring numbers differ; the mask's blue is left out. @param {number} number */
export function colourOfNumber(number) {
  return ofHue((0.6 + 0.84 * (((number % 256) * 0.618034) % 1)) % 1);
}

/** @type {Map<string, Colours>} */
const known = new Map();

/** How an object of a colour is painted. @param {string} colour #rrggbb @param {boolean} selected */
export function paintOf(colour, selected) {
  const key = `${colour}${selected}`;
  let colours = known.get(key);
  if (!colours) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    colours = {
      fill: packed(red, green, blue, selected ? 130 : 80),
      outline: selected ? packed(255, 255, 255, 255) : packed(red, green, blue, 255),
    };
    known.set(key, colours);
  }
  return colours;
}
