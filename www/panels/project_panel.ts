// The project as a file: how far the work on it is, and the question how one is opened.

import { effect } from "../vendor/signals-core.js";
import type { Answer, ProjectFileCommands, Question } from "../commands/project_files.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const input = byId("project-file", HTMLInputElement);
const progress = byId("project-progress", HTMLElement);
const label = byId("project-work", HTMLElement);
const bar = byId("project-bar", HTMLProgressElement);
const dialog = byId("project-question", HTMLDialogElement);
const text = byId("project-question-text", HTMLElement);
const note = byId("project-question-note", HTMLElement);
const merge = byId("merge-project", HTMLButtonElement);
const replace = byId("replace-project", HTMLButtonElement);
const cancel = byId("keep-project", HTMLButtonElement);

function images(count: number) {
  return count === 1 ? "1 image" : `${count.toLocaleString("en")} images`;
}

export class ProjectPanel {
  #files: ProjectFileCommands;

  constructor({ projectFiles }: Workbench) {
    this.#files = projectFiles;
    input.onchange = () => {
      const file = input.files?.[0];
      // The same file can be chosen again.
      input.value = "";
      if (file) void projectFiles.open(file);
    };
    const answers: [HTMLButtonElement, Answer][] = [
      [merge, "merge"],
      [replace, "replace"],
      [cancel, "cancel"],
    ];
    for (const [button, answer] of answers) button.onclick = () => projectFiles.answer(answer);
    // With Escape it closes by itself.
    dialog.onclose = () => projectFiles.answer("cancel");
    effect(() => this.#showWork());
    effect(() => this.#showQuestion(projectFiles.question.value));
  }

  /** Has the person choose a project file. */
  choose() {
    input.click();
  }

  #showWork() {
    count("project file");
    const work = this.#files.work.value;
    progress.hidden = work === undefined;
    if (label.textContent !== (work?.label ?? "")) label.textContent = work?.label ?? "";
    bar.value = work?.fraction ?? 0;
  }

  #showQuestion(question: Question | undefined) {
    if (!question) return dialog.close();
    const { name, incoming, here } = question;
    text.textContent = `${name} holds ${images(incoming)}; ${images(here)} ${here === 1 ? "is" : "are"} here. Merging keeps what is here and adds the rest. If you replace what is here, Undo brings it back until the page is closed; to keep it, cancel and save it first.`;
    note.textContent = question.note;
    note.hidden = question.note === "";
    merge.textContent = `Merge ${images(incoming)} into this project`;
    replace.textContent = `Replace this project (${images(here)})`;
    dialog.showModal();
    merge.focus();
  }
}
