// The second pane of a comparison: the same image and prompts with the untouched decoder's mask.

import { byId } from "./dom.js";
import { Viewer } from "./viewer.js";

export class Compare {
  #main;
  #panes = byId("panes", HTMLElement);
  #viewer = new Viewer(byId("canvas-untouched", HTMLCanvasElement));
  #shown = false;

  /** @param {Viewer} main the pane of the decoder in use */
  constructor(main) {
    this.#main = main;
    main.link(this.#viewer);
    this.#viewer.canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#viewer.canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#viewer.pan(event.movementX, event.movementY);
    });
    this.#viewer.canvas.addEventListener("pointerdown", (event) => this.#viewer.canvas.setPointerCapture(event.pointerId));
  }

  /** @param {boolean} shown */
  show(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#panes.classList.toggle("comparing", shown);
    for (const part of this.#panes.querySelectorAll(".compared")) part.toggleAttribute("hidden", !shown);
    this.imageChanged();
    this.#main.fit();
  }

  /** Another image, or the same under another display, is in the main pane. */
  imageChanged() {
    if (this.#shown) this.#viewer.takeImage(this.#main);
  }

  /** @param {Prompt[]} prompts @param {Prediction | undefined} prediction of the fine-tuned decoder */
  setPrompts(prompts, prediction) {
    if (!this.#shown) return;
    this.#viewer.setPrompts(prompts, prediction?.prompts.length ?? 0);
    this.#viewer.showMask(prompts.length > 0);
    const caption = prediction ? `Fine-tuned: ${prediction.area.toLocaleString("en")} pixels` : "Fine-tuned";
    byId("fine-tuned-caption", HTMLElement).textContent = caption;
  }

  /** @param {Uint8Array | null} mask */
  setMask(mask) {
    this.#viewer.setMask(mask);
    const area = mask?.reduce((sum, value) => sum + Number(value > 0), 0);
    const caption = area === undefined ? "Untouched" : `Untouched: ${area.toLocaleString("en")} pixels`;
    byId("untouched-caption", HTMLElement).textContent = caption;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const box = this.#viewer.canvas.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    this.#viewer.zoom(Math.exp(-event.deltaY * lines * 0.0015), event.clientX - box.left, event.clientY - box.top);
  }
}
