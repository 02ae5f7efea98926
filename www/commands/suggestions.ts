// What is done with suggestions, each as one edit of the history: they are kept as objects, corrected, or thrown away.

import { batch } from "../vendor/signals-core.js";
import type { History, LinkedEffect } from "../document/history.js";
import { LARGEST_ID } from "../document/label_map.js";
import type { Notices } from "../document/notices.js";
import type { OpenImage, Project, ProjectImage } from "../document/project.js";
import { maskOf, type Suggestion } from "../document/suggestion.js";
import type { ObjectAttributes } from "../document/types.js";
import type { ObjectCommands } from "./objects.js";
import type { PromptCommands } from "./prompts.js";

export class SuggestionCommands {
  #project;
  #history;
  #notices;
  #objects;
  #prompts;

  constructor(project: Project, history: History, notices: Notices, objects: ObjectCommands, prompts: PromptCommands) {
    this.#project = project;
    this.#history = history;
    this.#notices = notices;
    this.#objects = objects;
    this.#prompts = prompts;
  }

  /** Makes the chosen suggestion an object; the next one is chosen then. */
  keep() {
    const chosen = this.#project.suggestions.chosen.peek();
    if (chosen) this.#keep("keep the suggestion", [chosen]);
  }

  /** Makes all that are shown objects. */
  keepShown() {
    const shown = this.#project.suggestions.shown.peek();
    if (shown.length > 0) this.#keep(`keep ${shown.length.toLocaleString("en")} suggestions`, shown);
  }

  /** Prompts with the chosen suggestion. */
  correct() {
    const chosen = this.#project.suggestions.chosen.peek();
    if (chosen) this.#prompts.correct(chosen);
  }

  /** Removes the chosen suggestion for good, with the prompts that correct it. @returns false: none is chosen */
  throwAway() {
    const { suggestions } = this.#project;
    const [image, chosen] = [this.#image, suggestions.chosen.peek()];
    if (!image || !chosen) return false;
    const draft = this.#prompts.corrected === chosen ? this.#prompts.away() : undefined;
    const [before, after] = [image.rejected, [...image.rejected, chosen]];
    const undo = () => {
      this.#reject(image, before);
      suggestions.giveBack(image, [chosen]);
      draft?.undo();
    };
    const redo = () => {
      this.#reject(image, after);
      suggestions.withdraw(image, [chosen]);
      draft?.redo();
    };
    batch(() => {
      redo();
      const edit = { undo: () => batch(undo), redo: () => batch(redo) };
      this.#history.push({ label: "throw the suggestion away", image: image.id, ...edit });
    });
    return true;
  }

  /** Chooses the suggestion so many places further; selected objects are deselected, so that keys mean the suggestion. */
  step(step: number) {
    batch(() => {
      this.#objects.selectOnly([]);
      this.#project.suggestions.step(step);
    });
  }

  /** Undefined also for one that was removed from the project while it is still shown. */
  get #image(): OpenImage | undefined {
    const current = this.#project.current.peek();
    return current && this.#project.imageOf(current.id) ? current : undefined;
  }

  #keep(label: string, kept: readonly Suggestion[]) {
    const { editable: labels } = this.#objects;
    const [image, first] = [this.#image, this.#objects.freeId()];
    if (!image || !labels || first === undefined) return;
    if (kept.length > 1 && first + kept.length - 1 > LARGEST_ID) {
      const sentence = `An image holds ${LARGEST_ID} objects at most, so not all suggestions can be kept; show fewer by asking for surer ones.`;
      return this.#notices.tell(sentence);
    }
    const made = new Map<number, ObjectAttributes>();
    for (const suggestion of kept) {
      const id = first + made.size;
      if (labels.accept(maskOf(suggestion), id) > 0) made.set(id, this.#attributes);
    }
    batch(() => {
      const linked = this.#withdrawal(image, kept);
      linked.redo();
      this.#objects.create(label, made, linked);
    });
  }

  /** With the prompts that correct one of them. */
  #withdrawal(image: ProjectImage, gone: readonly Suggestion[]): LinkedEffect {
    const { suggestions } = this.#project;
    const { corrected } = this.#prompts;
    const draft = corrected && gone.includes(corrected) ? this.#prompts.away() : undefined;
    const undo = () => {
      suggestions.giveBack(image, gone);
      draft?.undo();
    };
    const redo = () => {
      suggestions.withdraw(image, gone);
      draft?.redo();
    };
    return { undo, redo };
  }

  /** Of an object that was a suggestion. */
  get #attributes(): ObjectAttributes {
    const classId = this.#project.suggestions.learned.peek()?.classId ?? null;
    const fresh = this.#objects.fresh();
    return this.#project.classOf(classId) ? { ...fresh, classId } : fresh;
  }

  #reject(image: ProjectImage, rejected: readonly Suggestion[]) {
    image.rejected = rejected;
    this.#project.objectsChanged(image);
  }
}
