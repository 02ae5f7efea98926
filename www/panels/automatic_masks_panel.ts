// The panel "Find all objects": its settings, and how far the search is.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { SettingsForm } from "./settings_form.js";

const find = byId("find-everything", HTMLButtonElement);
const progressLine = byId("everything-progress", HTMLElement);
const bar = byId("everything-bar", HTMLProgressElement);
const foundCount = byId("everything-found", HTMLElement);
const details = byId("everything-details", HTMLDetailsElement);

export class AutomaticMasksPanel {
  #search;
  #notices;
  #form;

  constructor({ session, notices }: Workbench) {
    this.#search = session.automaticMasks;
    this.#notices = notices;
    this.#form = new SettingsForm(byId("everything-settings", HTMLFormElement), "automatic_masks", session.scheduler.ranges);
    effect(() => this.#show());
  }

  /** Begins a search, if its settings are right. */
  findObjects() {
    const bad = this.#form.invalid;
    if (bad) return this.#refuse(bad);
    const settings = this.#form.read();
    if (settings) this.#search.start(settings);
  }

  #refuse(bad: HTMLInputElement) {
    details.open = true;
    const label = bad.labels?.[0]?.textContent ?? "A setting";
    this.#notices.tell(`“${label}” must be a number from ${bad.min} to ${bad.max}.`);
    bad.focus();
  }

  #show() {
    count("automatic masks");
    const progress = this.#search.progress.value;
    find.hidden = progress !== undefined;
    progressLine.hidden = !progress;
    if (!progress) return;
    bar.value = progress.fraction;
    const { found } = progress;
    foundCount.textContent = `${found.toLocaleString("en")} ${found === 1 ? "mask" : "masks"} found`;
  }
}
