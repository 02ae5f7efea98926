// The edits of the prompts that wait for the engine, in order; the first may be running.

/** @param {Edit | undefined} edit @returns {edit is Prompt} */
function isPrompt(edit) {
  return edit?.kind === "point" || edit?.kind === "box" || edit?.kind === "mask";
}

export class EditQueue {
  /** The first edit is with the engine. */
  running = false;
  /** @type {Edit[]} */
  #edits = [];

  get length() {
    return this.#edits.length;
  }

  /** @returns {Edit | undefined} */
  get first() {
    return this.#edits[0];
  }

  /** Only candidates are chosen; no prompt changes. */
  get onlySelects() {
    return this.#edits.every((edit) => edit.kind === "select");
  }

  /** The candidate that is chosen last, if one is. */
  get selected() {
    const last = this.#edits.findLast((edit) => edit.kind === "select");
    return last?.kind === "select" ? last.candidate : undefined;
  }

  /** The prompts once all edits are done. @param {Prompt[]} prompts @returns {Prompt[]} */
  appliedTo(prompts) {
    for (const edit of this.#edits) {
      if (isPrompt(edit)) prompts = [...prompts, edit];
      else if (edit.kind === "undo") prompts = prompts.slice(0, -1);
      else if (edit.kind === "clear") prompts = [];
    }
    return prompts;
  }

  /** @param {Edit} edit */
  push(edit) {
    const lastRuns = this.running && this.#edits.length === 1;
    // A prompt that the engine has not seen is simply taken back.
    if (edit.kind === "undo" && !lastRuns && isPrompt(this.#edits.at(-1))) {
      this.#edits.pop();
      return;
    }
    if (edit.kind === "clear") this.#edits.length = this.running ? 1 : 0;
    this.#edits.push(edit);
  }

  /** The first edit is done. */
  shift() {
    this.#edits.shift();
  }

  empty() {
    this.#edits = [];
  }

  /** Puts a lost prediction's prompts back, before what waits. @param {Prediction} prediction */
  restore({ prompts, ious, selected }) {
    const select = /** @type {Edit[]} */ (ious.length > 1 ? [{ kind: "select", candidate: selected }] : []);
    this.#edits = [...prompts, ...select, ...this.#edits];
  }
}
