// The document and its commands without a page: images open at once, and a stand-in answers the prompts.

import { ImageCommands } from "../../www/commands/images.js";
import { LabelTools } from "../../www/commands/label_tools.js";
import { ObjectCommands } from "../../www/commands/objects.js";
import { PromptCommands } from "../../www/commands/prompts.js";
import { SuggestionCommands } from "../../www/commands/suggestions.js";
import { initialDisplay, placed } from "../../www/document/display.js";
import { PLAIN_DISPLAY } from "./plain_display.js";
import { Draft, sameRounds } from "../../www/document/draft.js";
import { type Edit, History } from "../../www/document/history.js";
import { Notices } from "../../www/document/notices.js";
import { Project } from "../../www/document/project.js";
import { Sight } from "../../www/document/sight.js";
import { suggestionsOf } from "../../www/document/suggestion.js";
import { ToolState } from "../../www/document/tool_state.js";
import type { ImageSource } from "../../www/document/types.js";
import type { Display, ImageInfo } from "../../www/engine/graysam.js";
import { effect, untracked } from "../../www/vendor/signals-core.js";
import { boxed, planeOf } from "./shapes.js";
import { infoOf, maskOf, predictionOf, wholeOf } from "./stand_in_answers.js";
import { suggested } from "./stand_in_finder.js";

export class Desk {
  readonly project = new Project();
  readonly draft = new Draft();
  readonly sight = new Sight();
  readonly tools = new ToolState();
  readonly notices = new Notices();
  readonly history: History;
  readonly objects;
  readonly prompts;
  readonly images;
  readonly labelTools;
  readonly suggestions;
  readonly info: ImageInfo;
  /** Counts the images that were opened. */
  openings = 0;
  /** Counts the searches for the rest. */
  searches = 0;
  /** Images that cannot be opened, by their sources' names. */
  readonly unreadable = new Set<string>();

  /** Images that a command has asked for are open when it is settled. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(width: number, height: number) {
    const { project, draft, sight, tools, notices } = this;
    this.info = infoOf(width, height);
    this.history = new History(
      () => project.current.peek()?.id,
      (id) => this.openById(id),
    );
    this.objects = new ObjectCommands(project, this.history, notices);
    this.prompts = new PromptCommands(project, draft, sight, tools, this.history, this.objects);
    this.images = new ImageCommands(project, this.history, (source) => this.open(source));
    this.labelTools = new LabelTools(project, draft, tools, this.history, this.objects, this.prompts);
    this.suggestions = new SuggestionCommands(project, this.history, notices, this.objects, this.prompts);
    effect(() => {
      const rounds = draft.rounds.value;
      const answered = rounds.length > 0 && sameRounds(rounds, draft.answer.value?.rounds ?? []);
      untracked(() => (draft.answered.value = answered));
    });
  }

  /** @param pushed called for every edit, after the change and before it is recorded */
  onPush(pushed: (edit: Edit) => void) {
    const { history } = this;
    const push = history.push.bind(history);
    history.push = (edit) => {
      pushed(edit);
      push(edit);
    };
  }

  /** Opens an image a little later, as the engine does. */
  open(source: ImageSource) {
    this.#opening = this.#opening.then(() => this.#put(source));
  }

  async openById(id: string) {
    const image = this.project.imageOf(id);
    if (!image || this.unreadable.has(image.name)) return false;
    await this.settled();
    this.#put(image.source);
    return this.project.current.peek()?.id === id;
  }

  settled() {
    return this.#opening;
  }

  /** The display as the controls give it. */
  placed(display: Partial<Display>): Display {
    return placed({ ...PLAIN_DISPLAY, ...display }, this.info);
  }

  /** The stand-in answers all prompts, if there are any. */
  answer() {
    const rounds = this.draft.rounds.peek();
    if (rounds.length === 0 || this.draft.answered.peek()) return;
    const { width, height } = this.info;
    const mask = boxed(maskOf(rounds, width, height), width, height);
    this.draft.take({ rounds, prediction: predictionOf(rounds, mask, wholeOf(width, height)) }, mask);
  }

  /** The stand-in finds the rest of the open image. @param sureness of the first one */
  find(sureness = 0.95) {
    const image = this.project.current.peek();
    if (!image) return;
    const { suggestions, bits } = suggested(image.runs(), this.info.width, this.info.height, [], sureness);
    this.project.suggestions.put(image, suggestionsOf(suggestions, bits), `search ${++this.searches}`);
  }

  /** The mask on screen, width * height. */
  get mask() {
    return planeOf(this.draft.mask, this.info.width, this.info.height);
  }

  #put(source: ImageSource) {
    if (this.unreadable.has(source.name)) return;
    const before = this.project.current.peek()?.display ?? PLAIN_DISPLAY;
    const { width, height } = this.info;
    const image = this.project.open(source, width, height, initialDisplay(this.info, before, this.info));
    image.display = placed(image.display, this.info);
    this.draft.opened(width, height);
    this.openings += 1;
  }
}
