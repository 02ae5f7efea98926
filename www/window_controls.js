// The display window: how intensities become gray values, with black and white points on a histogram.

import { byId } from "./dom.js";
import { colourOf, onLook } from "./look.js";

/** Of the range of a float image, how near its black and white points may come. */
const FLOAT_GAP = 1 / 1000;

/** @param {number} value */
export function formatIntensity(value) {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

export class WindowControls {
  #fieldset = byId("display-controls", HTMLFieldSetElement);
  #window = byId("window", HTMLSelectElement);
  #black = byId("black", HTMLInputElement);
  #white = byId("white", HTMLInputElement);
  #gamma = byId("gamma", HTMLInputElement);
  #invert = byId("invert", HTMLInputElement);
  #colormap = byId("colormap", HTMLSelectElement);
  #histogram = byId("histogram", HTMLCanvasElement);
  #note = byId("display-note", HTMLElement);
  /** @type {ImageInfo | undefined} */
  #info;
  /** The least distance of the black and the white point. */
  #gap = 1;
  #onDisplay;

  /** @param {(display: Display, committed: boolean) => void} onDisplay */
  constructor(onDisplay) {
    this.#onDisplay = onDisplay;
    const moved = () => this.#report(false);
    const settled = () => this.#report(true);
    for (const end of [this.#black, this.#white]) {
      end.addEventListener("input", () => this.#moveEnd(end));
    }
    this.#gamma.addEventListener("input", moved);
    for (const range of [this.#black, this.#white, this.#gamma]) {
      range.addEventListener("change", settled);
      // A range that was moved back to its start sends no change event.
      range.addEventListener("pointerup", settled);
      range.addEventListener("pointercancel", settled);
    }
    this.#window.addEventListener("change", () => {
      this.#placeEnds();
      settled();
    });
    this.#invert.addEventListener("change", settled);
    this.#colormap.addEventListener("change", settled);
    byId("reset-display", HTMLButtonElement).addEventListener("click", () => {
      this.#reset();
      settled();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#histogram);
    onLook(() => this.#draw());
  }

  /** @returns {Display} */
  get display() {
    return {
      window: /** @type {Display["window"]} */ (this.#window.value),
      black: this.#black.valueAsNumber,
      white: this.#white.valueAsNumber,
      gamma: this.#gamma.valueAsNumber,
      invert: this.#invert.checked,
      colormap: /** @type {Display["colormap"]} */ (this.#colormap.value),
    };
  }

  /** Fits the controls to another image; black and white points of one image mean nothing in another. @param {ImageInfo} info */
  setImage(info) {
    // Whoever inverted the last image by hand wants the next one so, if its file shows it alike.
    if (info.invert !== (this.#info?.invert ?? false)) this.#invert.checked = info.invert;
    this.#info = info;
    this.#fieldset.disabled = info.kind === "colour";
    this.#note.textContent =
      info.kind === "colour"
        ? "A colour image is shown and encoded as it is."
        : `${info.kind}, values ${formatIntensity(info.min)} to ${formatIntensity(info.max)}`;
    if (this.#window.value === "range") this.#window.value = "percentile";
    const float = info.kind === "32-bit float grayscale";
    this.#gap = float ? (info.max - info.min) * FLOAT_GAP || 1 : 1;
    const [low, high] = info.window ?? [info.min, info.max];
    for (const end of [this.#black, this.#white]) {
      end.min = String(Math.min(info.min, low));
      end.max = String(Math.max(info.max, high));
      end.step = float ? "any" : "1";
    }
    if (info.window) this.#setRange(info.window);
    this.#placeEnds();
  }

  /** @param {[number, number]} ends */
  #setRange([black, white]) {
    this.#window.value = "range";
    this.#black.value = String(black);
    this.#white.value = String(white);
  }

  /** Sets the controls as they were for this image before. @param {Display} display */
  setDisplay({ window, black, white, gamma, invert, colormap }) {
    this.#window.value = window;
    this.#gamma.value = String(gamma);
    this.#invert.checked = invert;
    this.#colormap.value = colormap;
    if (window === "range") this.#setRange([black, white]);
    this.#placeEnds();
  }

  #reset() {
    this.#window.value = "percentile";
    this.#gamma.value = "1";
    this.#invert.checked = this.#info?.invert ?? false;
    this.#colormap.value = "gray";
    if (this.#info?.window) this.#setRange(this.#info.window);
    this.#placeEnds();
  }

  /** Puts the black and white points where the chosen window has them. */
  #placeEnds() {
    const info = this.#info;
    if (!info) return;
    const ends = {
      percentile: [info.low, info.high],
      minmax: [info.min, info.max],
      full: [info.full_min, info.full_max],
      range: [this.#black.valueAsNumber, this.#white.valueAsNumber],
    }[this.display.window];
    // Ranges hold what is within their bounds; "full" may reach beyond them.
    this.#black.value = String(ends[0]);
    this.#white.value = String(ends[1]);
    this.#label();
  }

  /** A moved end makes the window a range; the ends keep apart. @param {HTMLInputElement} moved */
  #moveEnd(moved) {
    this.#window.value = "range";
    if (moved === this.#black) {
      moved.value = String(Math.min(moved.valueAsNumber, this.#white.valueAsNumber - this.#gap));
    } else {
      moved.value = String(Math.max(moved.valueAsNumber, this.#black.valueAsNumber + this.#gap));
    }
    this.#report(false);
  }

  /** @param {boolean} committed */
  #report(committed) {
    this.#label();
    this.#onDisplay(this.display, committed);
  }

  #label() {
    const { black, white, gamma } = this.display;
    byId("black-value", HTMLOutputElement).value = formatIntensity(black);
    byId("white-value", HTMLOutputElement).value = formatIntensity(white);
    byId("gamma-value", HTMLOutputElement).value = gamma.toFixed(2);
    this.#draw();
  }

  #draw() {
    const canvas = this.#histogram;
    const context = canvas.getContext("2d");
    const info = this.#info;
    if (!context || !info) return;
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    const { black, white } = this.display;
    const span = info.max - info.min || 1;
    const x = (/** @type {number} */ value) => ((value - info.min) / span) * canvas.width;
    context.fillStyle = colourOf(canvas, "--band");
    context.fillRect(x(black), 0, x(white) - x(black), canvas.height);
    context.fillStyle = getComputedStyle(canvas).color;
    // Logarithmic, so that small objects show beside a large background.
    const highest = Math.log1p(Math.max(1, ...info.histogram));
    const width = canvas.width / info.histogram.length;
    info.histogram.forEach((count, i) => {
      const height = (Math.log1p(count) / highest) * canvas.height;
      context.fillRect(i * width, canvas.height - height, Math.ceil(width), height);
    });
  }
}
