// Label files, whether objects are shown, and whether they are stored.

import { effect } from "../vendor/signals-core.js";
import type { Viewer } from "../canvas/viewer.js";
import type { Workbench } from "../commands/workbench.js";
import type { ProjectKeeper } from "../session/project_keeper.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const openLabels = byId("open-labels", HTMLButtonElement);
const labelFile = byId("label-file", HTMLInputElement);
const useSampleLabels = byId("use-sample-labels", HTMLButtonElement);
const showLabels = byId("show-labels", HTMLInputElement);
const unsaved = byId("labels-unsaved", HTMLElement);

export class LabelFiles {
  #project;
  #files;
  #keeper;

  constructor({ project, files }: Workbench, keeper: ProjectKeeper, viewer: Viewer) {
    this.#project = project;
    this.#files = files;
    this.#keeper = keeper;
    openLabels.onclick = () => labelFile.click();
    labelFile.onchange = () => {
      const file = labelFile.files?.[0];
      labelFile.value = "";
      if (file) void files.openLabels(file);
    };
    showLabels.onchange = () => viewer.showLabels(showLabels.checked);
    effect(() => this.#show());
  }

  #show() {
    count("label files");
    const current = this.#project.current.value;
    openLabels.disabled = this.#files.reading.value || !current;
    useSampleLabels.hidden = current?.source.kind !== "sample";
    const why = this.#keeper.unsaved.value;
    unsaved.textContent = why ?? "";
    unsaved.hidden = !why;
  }
}
