// What is done with prompts, each as one edit of the history. They last as long as their image is open.

import { batch } from "../vendor/signals-core.js";
import { type Draft, roundOf } from "../document/draft.js";
import type { History, LinkedEffect } from "../document/history.js";
import type { Point } from "../document/geometry.js";
import type { Project } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import { boxOf, maskPrompt } from "../document/regions.js";
import { isPromptOf, promptOf, type Suggestion } from "../document/suggestion.js";
import type { ToolState } from "../document/tool_state.js";
import type { Prompt } from "../engine/graysam.js";
import type { ObjectCommands } from "./objects.js";

/** The share of its sides by which a suggestion's box is larger for the points that correct it. */
const REACH = 1 / 4;

/** Whether a prompt is meant to correct a suggestion, rather than to begin another object. */
function corrects(prompt: Prompt, { x0, y0, x1, y1 }: Suggestion) {
  const within = ({ x, y }: Point, left: number, top: number, right: number, bottom: number) =>
    x >= left && y >= top && x < right && y < bottom;
  if (prompt.kind !== "point") return within({ x: (x0 + x1) / 2, y: (y0 + y1) / 2 }, prompt.x0, prompt.y0, prompt.x1, prompt.y1);
  const [dx, dy] = [REACH * (x1 - x0), REACH * (y1 - y0)];
  return within(prompt, x0 - dx, y0 - dy, x1 + dx, y1 + dy);
}

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

  /**
   * Where nothing was prompted yet, and the prompt corrects the chosen suggestion, that is the first prompt.
   * @param side of the parts in which the person looks at the image
   */
  add(prompt: Prompt, side = this.#sight.side.peek()) {
    const { current, suggestions } = this.#project;
    if (!current.peek()) return;
    const { rounds, refined } = this.#draft.state;
    const chosen = suggestions.chosen.peek();
    // A point inside of another suggestion means that object.
    const meant = (prompt.kind === "point" && prompt.positive && suggestions.at(prompt)) || chosen;
    const corrected = rounds.length === 0 && chosen && meant === chosen && corrects(prompt, chosen);
    const first = corrected ? [roundOf(promptOf(chosen), side)] : rounds;
    this.#change("prompt", () => {
      this.#draft.put([...first, roundOf(prompt, side)], refined);
      // Corrections of the object before a box are none of the box's.
      if (prompt.kind !== "point" && this.#draft.corrections) this.#draft.correctAs(undefined);
    });
  }

  /** Prompts with a suggestion, so that further prompts correct it. */
  correct(suggestion: Suggestion) {
    batch(() => {
      this.#tools.choose("prompt");
      this.#change("correct the suggestion", () => {
        this.#draft.put([], 0);
        this.#draft.put([roundOf(promptOf(suggestion), this.#sight.side.peek())], 0);
      });
    });
  }

  /** The suggestion that the prompts correct: none of them begins another object. */
  get corrected(): Suggestion | undefined {
    const prompts = this.#draft.rounds.peek().map(({ prompt }) => prompt);
    const place = prompts.findLastIndex(({ kind }) => kind === "mask");
    const first = prompts[place];
    if (first?.kind !== "mask") return undefined;
    const suggestion = this.#project.current.peek()?.suggestions.find((one) => isPromptOf(first, one));
    const boxes = prompts.slice(place + 1).filter(({ kind }) => kind === "box");
    return suggestion && boxes.every((box) => corrects(box, suggestion)) ? suggestion : undefined;
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

  /** What empties the draft and takes the suggestion away that it corrects, and what brings both back. */
  away(): LinkedEffect {
    const draft = this.#draft;
    const { state } = draft;
    const { current, suggestions } = this.#project;
    const [image, corrected] = [current.peek(), this.corrected];
    const gone = corrected ? [corrected] : [];
    const undo = () => {
      draft.restore(state);
      if (image && corrected) suggestions.giveBack(image, gone);
    };
    const redo = () => {
      draft.put([], 0);
      if (image && corrected) suggestions.withdraw(image, gone);
    };
    return { undo, redo };
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
