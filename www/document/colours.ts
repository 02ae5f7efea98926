// The colours that objects have by their numbers.

/** A bright, saturated colour as #rrggbb. @param hue in turns */
function ofHue(hue: number) {
  const channel = (n: number) => {
    const k = (n + hue * 12) % 12;
    const value = Math.round(255 * (0.55 - 0.45 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    return value.toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/** Hues a golden section apart, so that neighbouring numbers differ; the mask's blue is left out. */
export function colourOfNumber(number: number) {
  return ofHue((0.6 + 0.84 * (((number % 256) * 0.618034) % 1)) % 1);
}
