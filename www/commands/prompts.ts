// What is done with prompts, each as one edit of the history. They last as long as their image is open.

import { batch } from "../vendor/signals-core.js";
import { type Draft, roundOf } from "../document/draft.js";
import type { History, LinkedEffect } from "../document/history.js";
import type { Project } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import { boxOf, maskPrompt } from "../document/regions.js";
import type { ToolState } from "../document/tool_state.js";
import type { Prompt } from "../engine/graysam.js";
import type { ObjectCommands } from "./objects.js";

export class PromptCommands {
  #project;
  #draft;
  #sight;
  #tools;
  #history;
  #objects;

  constructor(project: Project, draft: Draft, sight: Sight, tools: ToolState, history: History, objects: ObjectCommands) {
    this.#project = project;
    this.#draft = draft;
    this.#sight = sight;
    this.#tools = tools;
    this.#history = history;
    this.#objects = objects;
  }

  /** @param side of the parts in which the person looks at the image */
  add(prompt: Prompt, side = this.#sight.side.peek()) {
    if (!this.#project.current.peek()) return;
    const { rounds, refined } = this.#draft.state;
    this.#change("prompt", () => {
      this.#draft.put([...rounds, roundOf(prompt, side)], refined);
      // Corrections of the object before a box are none of the box's.
      if (prompt.kind !== "point" && this.#draft.corrections) this.#draft.correctAs(undefined);
    });
  }

  /** Takes the last prompt back. */
  takeBack() {
    const { rounds, refined } = this.#draft.state;
    if (rounds.length > 0) this.#change("take the last prompt back", () => this.#draft.put(rounds.slice(0, -1), refined));
  }

  /** Takes all prompts back. @returns whether there were any */
  clear() {
    if (this.#draft.rounds.peek().length === 0 && this.#draft.refined.peek() === 0) return false;
    this.#change("clear the prompts", () => this.#draft.put([], 0));
    return true;
  }

  /** Chooses a candidate of a single point. */
  select(candidate: number) {
    if (candidate < 0 || candidate >= this.#draft.candidates.peek() || candidate === this.#draft.selected.peek()) return;
    this.#change("choose a candidate", () => this.#draft.select(candidate));
  }

  /** What empties the draft, and what brings it back. */
  away(): LinkedEffect {
    const draft = this.#draft;
    const { state } = draft;
    return { undo: () => draft.restore(state), redo: () => draft.put([], 0) };
  }

  /** Gives an object another shape: its box is the first prompt. */
  refine(id: number) {
    const region = this.#objects.labels?.regionOf(id);
    if (!region) return;
    const prompt: Prompt = { kind: "box", ...boxOf(region) };
    batch(() => {
      this.#tools.choose("prompt");
      this.#change("refine by prompts", () => {
        this.#draft.put([], 0);
        this.#draft.put([roundOf(prompt, this.#sight.side.peek())], id);
      });
    });
  }

  /**
   * Prompts another page with the selected object's mask, for what changes little from page to page.
   * @param open opens the page; resolves to whether it is open
   * @returns false: no object is selected
   */
  async carryOn(open: () => Promise<boolean>) {
    const [id] = this.#objects.selection;
    const region = id ? this.#objects.labels?.regionOf(id) : undefined;
    if (!id || !region) return false;
    const { classId } = this.#objects.attributes(id);
    // As closely as it is looked at here: the page that opens is shown whole.
    const side = this.#sight.side.peek();
    if (!(await open())) return true;
    batch(() => {
      this.#tools.choose("prompt");
      this.add(maskPrompt(region), side);
      this.#project.currentClass.value = classId;
    });
    return true;
  }

  #change(label: string, change: () => void) {
    const draft = this.#draft;
    const before = draft.state;
    batch(() => {
      change();
      const after = draft.state;
      this.#history.push({
        label,
        image: this.#project.current.peek()?.id,
        transient: true,
        lasts: (how) => draft.is(how === "undo" ? after : before),
        undo: () => draft.restore(before),
        redo: () => draft.restore(after),
      });
    });
  }
}
