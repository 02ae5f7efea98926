// A display such as the engine's default.

import type { Display } from "../../www/engine/graysam.js";

export const PLAIN_DISPLAY: Display = { window: "percentile", black: 0, white: 255, gamma: 1, invert: false, colormap: "gray" };
