// The second pane of a comparison: the same image and prompts with the untouched decoder's mask.

import { computed, effect } from "../vendor/signals-core.js";
import { Fingers } from "../canvas/fingers.js";
import { Viewer } from "../canvas/viewer.js";
import type { Workbench } from "../commands/workbench.js";
import { areaOf } from "../document/mask_region.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const panes = byId("panes", HTMLElement);
const untouchedCaption = byId("untouched-caption", HTMLElement);
const fineTunedCaption = byId("fine-tuned-caption", HTMLElement);

/** A mask's size after the decoder that it is of. */
function caption(decoder: string, area: number | undefined) {
  return area === undefined ? decoder : `${decoder}: ${area.toLocaleString("en")} pixels`;
}

export class Compare {
  #main;
  #draft;
  #session;
  #viewer = new Viewer(byId("canvas-untouched", HTMLCanvasElement));
  #shown = false;
  #untouchedArea = computed(() => {
    const mask = this.#session.compare.mask.value;
    return mask && areaOf(mask);
  });

  /** @param main the pane of the decoder in use */
  constructor({ draft, session }: Workbench, main: Viewer) {
    this.#main = main;
    this.#draft = draft;
    this.#session = session;
    main.link(this.#viewer);
    this.#listen();
    effect(() => this.#show());
    effect(() => this.#showImage());
    effect(() => {
      if (session.decoder.comparing.value) this.#viewer.setPrompts(draft.prompts.value, draft.seenOfObject.value);
    });
    effect(() => this.#viewer.setMask(session.compare.mask.value ?? null));
  }

  #listen() {
    const viewer = this.#viewer;
    const { canvas } = viewer;
    canvas.addEventListener("wheel", (event) => viewer.zoomByWheel(event), { passive: false });
    const fingers = new Fingers(viewer);
    canvas.addEventListener("pointermove", (event) => {
      if (!fingers.move(event) && event.buttons) viewer.pan(event.movementX, event.movementY);
    });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      if (event.pointerType === "touch") fingers.down(event);
    });
    for (const ended of ["pointerup", "pointercancel"] as const) canvas.addEventListener(ended, (event) => fingers.up(event));
  }

  #show() {
    count("compare");
    this.#toggle(this.#session.decoder.comparing.value);
    fineTunedCaption.textContent = caption("Fine-tuned", this.#draft.answer.value?.prediction.area);
    untouchedCaption.textContent = caption("Untouched", this.#untouchedArea.value);
  }

  #toggle(shown: boolean) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    panes.classList.toggle("comparing", shown);
    for (const part of panes.querySelectorAll(".compared")) part.toggleAttribute("hidden", !shown);
    this.#main.fit();
  }

  #showImage() {
    const comparing = this.#session.decoder.comparing.value;
    void this.#session.image.rendering.value;
    // The main pane takes the image in an effect of its own, which may come after this one.
    if (comparing) queueMicrotask(() => this.#viewer.takeImage(this.#main));
  }
}
