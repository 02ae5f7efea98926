// The panel "Find all objects": by which method, its settings, and how far the search is.

import { computed, effect, signal } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { Way } from "../session/automatic_masks_job.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { SettingsForm } from "./settings_form.js";

const find = byId("find-everything", HTMLButtonElement);
const methods = byId("find-method", HTMLSelectElement);
const ofInstances = ["find-way", "find-method-note"].map((id) => byId(id, HTMLElement));
const progressLine = byId("everything-progress", HTMLElement);
const bar = byId("everything-bar", HTMLProgressElement);
const foundCount = byId("everything-found", HTMLElement);
const details = byId("everything-details", HTMLDetailsElement);
const gridForm = byId("everything-settings", HTMLFormElement);
const instanceForm = byId("instance-settings", HTMLFormElement);

export class AutomaticMasksPanel {
  #search;
  #notices;
  #grid;
  #instances;
  #model;
  /** As the person has chosen it, where the model leaves a choice. */
  #chosen = signal(methods.value as Way["method"]);
  #method = computed(() => (this.#model.info.value?.instances ? this.#chosen.value : "grid"));

  constructor({ session, notices }: Workbench) {
    const { ranges } = session.scheduler;
    this.#search = session.automaticMasks;
    this.#model = session.model;
    this.#notices = notices;
    this.#grid = new SettingsForm(gridForm, "automatic_masks", ranges);
    this.#instances = new SettingsForm(instanceForm, "instances", ranges);
    methods.addEventListener("change", () => (this.#chosen.value = methods.value as Way["method"]));
    effect(() => this.#showMethod());
    effect(() => this.#show());
  }

  /** Begins a search, if its settings are right. */
  findObjects() {
    const method = this.#method.peek();
    const form = method === "grid" ? this.#grid : this.#instances;
    if (form.invalid) return this.#refuse(form.invalid);
    if (method === "grid") {
      const settings = this.#grid.read();
      if (settings) this.#search.start({ method, settings });
    } else {
      const settings = this.#instances.read();
      if (settings) this.#search.start({ method, settings });
    }
  }

  #refuse(bad: HTMLInputElement) {
    details.open = true;
    const label = bad.labels?.[0]?.textContent ?? "A setting";
    this.#notices.tell(`“${label}” must be a number from ${bad.min} to ${bad.max}.`);
    bad.focus();
  }

  #showMethod() {
    const instances = this.#model.info.value?.instances ?? false;
    for (const element of ofInstances) element.hidden = !instances;
    gridForm.hidden = this.#method.value !== "grid";
    instanceForm.hidden = this.#method.value === "grid";
  }

  #show() {
    count("automatic masks");
    const progress = this.#search.progress.value;
    find.hidden = progress !== undefined;
    progressLine.hidden = !progress;
    if (!progress) return;
    bar.value = progress.fraction;
    const { found } = progress;
    const watershed = this.#method.value === "watershed";
    foundCount.textContent = watershed ? "" : `${found.toLocaleString("en")} ${found === 1 ? "mask" : "masks"} found`;
  }
}
