// The panel "Display": how intensities become gray values, with black and white points on a histogram.

import { batch, effect } from "../vendor/signals-core.js";
import type { Viewer } from "../canvas/viewer.js";
import type { Workbench } from "../commands/workbench.js";
import { defaultDisplay, inFilesWay, placed } from "../document/display.js";
import type { Display, ImageInfo } from "../engine/graysam.js";
import { ChannelsControl } from "./channels_control.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { colourOf, onLook } from "./look.js";
import { ScaleControl } from "./scale_control.js";

/** Of the range of a float image, how near its black and white points may come. */
const FLOAT_GAP = 1 / 1000;
/** The value of an option that is one of the file's own displays, before its place. */
const FILES_WAY = "file-";

const fieldset = byId("display-controls", HTMLFieldSetElement);
const windowKind = byId("window", HTMLSelectElement);
const black = byId("black", HTMLInputElement);
const white = byId("white", HTMLInputElement);
const gamma = byId("gamma", HTMLInputElement);
const invert = byId("invert", HTMLInputElement);
const colormap = byId("colormap", HTMLSelectElement);
const histogram = byId("histogram", HTMLCanvasElement);
const note = byId("display-note", HTMLElement);
const blackValue = byId("black-value", HTMLOutputElement);
const whiteValue = byId("white-value", HTMLOutputElement);
const gammaValue = byId("gamma-value", HTMLOutputElement);

function formatIntensity(value: number) {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

export class DisplayPanel {
  #session;
  #image;
  #images;
  #viewer;
  /** What is shown. */
  #info: ImageInfo | undefined;
  #display: Display | undefined;
  /** The least distance of the black and the white point. */
  #gap = 1;

  /** @param viewer knows what is visible of a large image, of which only that is rendered while a control moves */
  constructor(bench: Workbench, viewer: Viewer) {
    const { session, images } = bench;
    this.#session = session;
    this.#image = session.image;
    this.#images = images;
    this.#viewer = viewer;
    new ChannelsControl(bench);
    new ScaleControl(bench, viewer);
    this.#listen();
    new ResizeObserver(() => this.#draw()).observe(histogram);
    onLook(() => this.#draw());
    effect(() => this.#show());
  }

  #listen() {
    black.addEventListener("input", () => this.#moveEnd(black));
    white.addEventListener("input", () => this.#moveEnd(white));
    gamma.addEventListener("input", () => this.#move({ gamma: gamma.valueAsNumber }));
    const settled = () => this.#settle({});
    for (const range of [black, white, gamma]) {
      range.addEventListener("change", settled);
      // A range that was moved back to its start sends no change event.
      range.addEventListener("pointerup", settled);
      range.addEventListener("pointercancel", settled);
    }
    windowKind.addEventListener("change", () => this.#chooseWindow(windowKind.value));
    invert.addEventListener("change", () => this.#settle({ invert: invert.checked }));
    colormap.addEventListener("change", () => this.#settle({ colormap: colormap.value as Display["colormap"] }));
    byId("reset-display", HTMLButtonElement).addEventListener("click", () => {
      const { pixel_size } = this.#display ?? {};
      if (this.#info) this.#settle({ ...defaultDisplay(this.#info, this.#session.ranges.display), pixel_size: pixel_size ?? null });
    });
  }

  #chooseWindow(chosen: string) {
    const [display, info] = [this.#display, this.#info];
    if (!display || !info) return;
    const [, way] = chosen.split(FILES_WAY);
    this.#settle(way ? inFilesWay(display, info, Number(way)) : { window: chosen as Display["window"], voi: null });
  }

  /** A moved end makes the window a range; the ends keep apart. */
  #moveEnd(moved: HTMLInputElement) {
    if (!this.#display) return;
    const { black: low, white: high } = this.#display;
    const at = moved.valueAsNumber;
    if (moved === black) this.#move({ window: "range", voi: null, black: Math.min(at, high - this.#gap) });
    else this.#move({ window: "range", voi: null, white: Math.max(at, low + this.#gap) });
  }

  /** A control moves: the image shows it, and is encoded once the control is let go. */
  #move(change: Partial<Display>) {
    if (this.#display) this.#image.adjust({ display: { ...this.#display, ...change }, part: this.#viewer.part });
  }

  /** A control was let go. */
  #settle(change: Partial<Display>) {
    const [display, info] = [this.#display, this.#info];
    if (!display || !info) return;
    batch(() => {
      this.#image.adjust(undefined);
      this.#images.setDisplay(placed({ ...display, ...change }, info));
    });
  }

  #show() {
    count("display");
    const [info, display] = [this.#image.info.value, this.#image.display.value];
    if (!info || !display) return;
    if (info !== this.#info) this.#fitTo(info);
    this.#info = info;
    this.#display = display;
    const { voi } = display;
    windowKind.value = typeof voi === "number" && voi < info.voi.length ? FILES_WAY + voi : display.window;
    // Ranges hold what is within their bounds; "full" may reach beyond them.
    black.value = String(display.black);
    white.value = String(display.white);
    gamma.value = String(display.gamma);
    invert.checked = display.invert;
    colormap.value = display.colormap;
    blackValue.value = formatIntensity(display.black);
    whiteValue.value = formatIntensity(display.white);
    gammaValue.value = display.gamma.toFixed(2);
    this.#draw();
  }

  /** Fits the controls to another image. */
  #fitTo({ kind, min, max, window, voi }: ImageInfo) {
    for (const option of [...windowKind.options]) if (option.value.startsWith(FILES_WAY)) option.remove();
    windowKind.append(...voi.map(({ name }, i) => new Option(`File: ${name}`, FILES_WAY + i)));
    fieldset.disabled = kind === "colour";
    note.textContent =
      kind === "colour"
        ? "A colour image is shown and encoded as it is."
        : `${kind}, values ${formatIntensity(min)} to ${formatIntensity(max)}`;
    const float = kind === "32-bit float grayscale" || kind === "several channels";
    this.#gap = float ? (max - min) * FLOAT_GAP || 1 : 1;
    const wanted = [...(window ?? []), ...voi.flatMap((way) => [way.black, way.white])];
    for (const end of [black, white]) {
      end.min = String(Math.min(min, ...wanted));
      end.max = String(Math.max(max, ...wanted));
      end.step = float ? "any" : "1";
    }
  }

  #draw() {
    const context = histogram.getContext("2d");
    const [info, display] = [this.#info, this.#display];
    if (!context || !info || !display) return;
    histogram.width = Math.round(histogram.clientWidth * devicePixelRatio);
    histogram.height = Math.round(histogram.clientHeight * devicePixelRatio);
    const span = info.max - info.min || 1;
    const x = (value: number) => ((value - info.min) / span) * histogram.width;
    context.fillStyle = colourOf(histogram, "--band");
    context.fillRect(x(display.black), 0, x(display.white) - x(display.black), histogram.height);
    context.fillStyle = getComputedStyle(histogram).color;
    // Logarithmic, so that small objects show beside a large background.
    const highest = Math.log1p(Math.max(1, ...info.histogram));
    const width = histogram.width / info.histogram.length;
    info.histogram.forEach((number, i) => {
      const height = (Math.log1p(number) / highest) * histogram.height;
      context.fillRect(i * width, histogram.height - height, Math.ceil(width), height);
    });
  }
}
