// The section "Find all objects": its settings, and how far the search is.

import { byId } from "./dom.js";

/** @typedef {import("./everything.js").Everything} Everything */

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const form = byId("everything-settings", HTMLFormElement);
const bar = byId("everything-bar", HTMLProgressElement);

/** A number of the form. @param {string} id */
function number(id) {
  return byId(id, HTMLInputElement).valueAsNumber;
}

export class EverythingPanel {
  #everything;
  #failed;

  /** @param {Everything} everything @param {(sentence: string) => void} failed */
  constructor(everything, failed) {
    this.#everything = everything;
    this.#failed = failed;
    button("find-everything").onclick = () => this.#start();
    button("cancel-everything").onclick = () => everything.cancel();
    form.onsubmit = (event) => event.preventDefault();
  }

  /** @param {boolean} possible an image is encoded */
  show(possible) {
    const { progress } = this.#everything;
    button("find-everything").hidden = progress !== undefined;
    button("find-everything").disabled = !possible;
    byId("everything-progress", HTMLElement).hidden = !progress;
    if (!progress) return;
    bar.value = progress.fraction;
    const { found } = progress;
    byId("everything-found", HTMLElement).textContent = `${found.toLocaleString("en")} ${found === 1 ? "mask" : "masks"} found`;
  }

  #start() {
    const bad = [...form.elements].find((element) => element instanceof HTMLInputElement && !element.validity.valid);
    if (bad instanceof HTMLInputElement) {
      byId("everything-details", HTMLDetailsElement).open = true;
      const label = bad.labels?.[0]?.textContent ?? "A setting";
      this.#failed(`“${label}” must be a number from ${bad.min} to ${bad.max}.`);
      bad.focus();
      return;
    }
    this.#everything.start({
      points_per_side: number("everything-points"),
      batch: 8,
      iou_threshold: number("everything-iou"),
      stability_threshold: number("everything-stability"),
      nms_threshold: number("everything-nms"),
      min_area: number("everything-area"),
      max_share: number("everything-share") / 100,
      tile: number("everything-tile"),
      overlap: number("everything-overlap") / 100,
    });
  }
}
