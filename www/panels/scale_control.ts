// The size of a pixel and the scale bar in the panel "Display".

import { effect, signal } from "../vendor/signals-core.js";
import type { Viewer } from "../canvas/viewer.js";
import type { Workbench } from "../commands/workbench.js";
import { pixelSizeOf, withWidth } from "../document/scale.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const KEPT = "graysam-scale-bar";
const controls = byId("scale-controls", HTMLElement);
const width = byId("pixel-size", HTMLInputElement);
const unit = byId("pixel-unit", HTMLSelectElement);
const bar = byId("scale-bar", HTMLInputElement);

export class ScaleControl {
  #image;
  #images;
  #notices;
  #barShown = signal(wasShown());

  constructor({ session, images, notices }: Workbench, viewer: Viewer) {
    this.#image = session.image;
    this.#images = images;
    this.#notices = notices;
    bar.checked = this.#barShown.peek();
    bar.addEventListener("change", () => {
      this.#barShown.value = bar.checked;
      keep(bar.checked);
    });
    width.addEventListener("change", () => this.#set());
    unit.addEventListener("change", () => width.value && this.#set());
    effect(() => this.#show(viewer));
  }

  #set() {
    const [display, info] = [this.#image.display.peek(), this.#image.info.peek()];
    if (!display || !info) return;
    const found = withWidth(pixelSizeOf(display, info), width.valueAsNumber, unit.value);
    // Nothing is what the file says.
    const cleared = width.value === "" && !width.validity.badInput;
    if (found || cleared) this.#images.setDisplay({ ...display, pixel_size: found });
    else this.#notices.tell("The size of a pixel must be a number above 0; leave it empty for what the file says.");
    // Where that is as before, the input would keep what was typed.
    this.#fill();
  }

  #show(viewer: Viewer) {
    count("scale");
    const pixel = this.#fill();
    viewer.setScaleBar(this.#barShown.value && pixel ? pixel : undefined);
  }

  #fill() {
    const [info, display] = [this.#image.info.value, this.#image.display.value];
    controls.hidden = !info;
    const pixel = pixelSizeOf(display, info);
    width.value = pixel ? String(Number(pixel.size[0].toPrecision(6))) : "";
    if (pixel) unit.value = pixel.unit;
    bar.disabled = !pixel;
    return pixel;
  }
}

function wasShown() {
  try {
    return localStorage.getItem(KEPT) !== "hidden";
  } catch {
    // Without storage the choice lasts as long as the page.
    return true;
  }
}

function keep(shown: boolean) {
  try {
    localStorage.setItem(KEPT, shown ? "shown" : "hidden");
  } catch {
    // As above.
  }
}
