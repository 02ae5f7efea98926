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
const question = byId("mask-question", HTMLElement);
const questionText = byId("mask-question-text", HTMLElement);
const asMany = byId("mask-parts", HTMLButtonElement);
const asOne = byId("mask-one", HTMLButtonElement);
const asNone = byId("mask-cancel", HTMLButtonElement);
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
    asMany.onclick = () => this.#answer(true);
    asOne.onclick = () => this.#answer(false);
    asNone.onclick = () => this.#answer(undefined);
    showLabels.onchange = () => viewer.showLabels(showLabels.checked);
    effect(() => this.#show());
    effect(() => this.#ask());
  }

  /** Asks whether a mask's parts are objects. */
  #ask() {
    const asked = this.#files.labelReader.question.value;
    question.hidden = !asked;
    if (!asked) return;
    const parts = asked.parts.toLocaleString("en");
    questionText.textContent = `The file is a mask of one value with ${parts} separate parts. Is each of them an object?`;
    asMany.textContent = `${parts} objects`;
    asMany.focus();
  }

  #answer(parted: boolean | undefined) {
    this.#files.labelReader.question.peek()?.answer(parted);
    byId("canvas", HTMLCanvasElement).focus({ preventScroll: true });
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
