// Objects as files for other tools, of one image or of the project.

import { effect, signal } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ExportFormat } from "../engine/graysam.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const button = byId("export", HTMLButtonElement);
const format = byId("export-format", HTMLSelectElement);
const what = byId("export-what", HTMLSelectElement);
const progress = byId("export-progress", HTMLProgressElement);

export class ExportPanel {
  #project;
  #files;
  /** The person's choice in `what`. */
  #all = signal(what.value === "all");

  constructor({ project, files }: Workbench) {
    this.#project = project;
    this.#files = files;
    button.onclick = () => void files.export(format.value as ExportFormat, this.#images);
    what.onchange = () => (this.#all.value = what.value === "all");
    effect(() => this.#show());
  }

  /** Those that are to be exported. */
  get #images() {
    const [images, current] = [this.#project.images.value, this.#project.current.value];
    const chosen = this.#all.value ? images : current ? [current] : [];
    return chosen.filter((image) => image.objectCount > 0);
  }

  #show() {
    count("export");
    const exported = this.#files.exported.value;
    button.disabled = exported !== undefined || this.#images.length === 0;
    progress.hidden = exported === undefined;
    progress.value = exported ?? 0;
  }
}
