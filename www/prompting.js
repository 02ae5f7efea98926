// What a person does with prompts, each as one deed of the history, on which the open image's prompts pass.

import { boxOf, maskPrompt } from "./regions.js";

/** @typedef {import("./object_editor.js").Companion} Companion */

/**
 * @typedef {object} Workbench
 * @property {import("./project.js").Project} project
 * @property {import("./session.js").Session} session
 * @property {import("./history.js").History} history
 * @property {import("./label_tools.js").LabelTools} tools
 * @property {import("./object_editor.js").ObjectEditor} editor
 */

export class Prompting {
  #bench;

  /** @param {Workbench} bench */
  constructor(bench) {
    this.#bench = bench;
  }

  /** @param {Prompt} prompt */
  add(prompt) {
    const { session, tools } = this.#bench;
    tools.prompted();
    const redo = () => session.addPrompt(prompt);
    redo();
    this.#push("prompt", { undo: () => session.undo(), redo });
  }

  /** Takes the last prompt back. */
  takeBack() {
    const { session } = this.#bench;
    const last = session.prompts.at(-1);
    if (!last) return;
    session.undo();
    this.#push("take the last prompt back", { undo: () => session.addPrompt(last), redo: () => session.undo() });
  }

  /** What clears the prompts, and what brings them back. @returns {Companion} */
  away() {
    const { session } = this.#bench;
    const { prediction, prompts, selected } = session;
    const kept = { prompts, ious: prediction?.ious ?? [], selected };
    return { undo: () => session.prompt(kept), redo: () => session.clear() };
  }

  /** @returns {boolean} whether there were any */
  clear() {
    const { session, tools } = this.#bench;
    if (session.prompts.length === 0) return false;
    const away = this.away();
    const { corrections, refined } = tools;
    const redo = () => {
      tools.refined = 0;
      away.redo();
    };
    const undo = () => {
      tools.refined = refined;
      tools.correctAs(corrections);
      away.undo();
    };
    redo();
    this.#push("clear the prompts", { undo, redo });
    return true;
  }

  /** @param {number} candidate */
  select(candidate) {
    const { session } = this.#bench;
    const before = session.selected;
    if (candidate < 0 || candidate >= session.candidates) return;
    session.select(candidate);
    this.#push("choose a candidate", { undo: () => session.select(before), redo: () => session.select(candidate) });
  }

  /** Gives an object another shape by prompts, beginning with its box. @param {number} id */
  refine(id) {
    const { editor, tools } = this.#bench;
    const region = editor.labels?.regionOf(id);
    if (!region) return;
    this.clear();
    tools.setTool("prompt");
    tools.refined = id;
    this.add({ kind: "box", ...boxOf(region) });
  }

  /**
   * Prompts another page with the selected object's mask, for what changes little from page to page.
   * @param {() => Promise<boolean>} open opens the page; resolves to whether it is open
   * @returns {Promise<boolean>} false: no object is selected
   */
  async carryOn(open) {
    const { editor, project, tools } = this.#bench;
    const [id] = editor.selection;
    const region = id ? editor.labels?.regionOf(id) : undefined;
    if (!id || !region) return false;
    const { classId } = editor.attributes(id);
    if (!(await open())) return true;
    tools.setTool("prompt");
    this.add(maskPrompt(region));
    project.currentClass = classId;
    project.changed();
    return true;
  }

  /** @param {string} what @param {Companion} deed */
  #push(what, deed) {
    const { history, project } = this.#bench;
    history.push({ what, image: project.current?.id, passing: true, ...deed });
  }
}
