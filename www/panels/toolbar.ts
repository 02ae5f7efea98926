// The tools, the brush's size, and what undo and redo would do.

import { effect } from "../vendor/signals-core.js";
import type { Registry } from "../commands/registry.js";
import type { Workbench } from "../commands/workbench.js";
import { TOOLS } from "../document/tool_state.js";
import { titleOf } from "./buttons.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const toolButtons = new Map(TOOLS.map((tool) => [tool, byId(`tool-${tool}`, HTMLButtonElement)]));
const brushSize = byId("brush-size", HTMLInputElement);
const brushSizeValue = byId("brush-size-value", HTMLOutputElement);
const undo = byId("undo-label", HTMLButtonElement);
const redo = byId("redo", HTMLButtonElement);

export class Toolbar {
  #tools;
  #history;
  #registry;

  constructor({ tools, history }: Workbench, registry: Registry) {
    this.#tools = tools;
    this.#history = history;
    this.#registry = registry;
    const keys = ["brush.smaller", "brush.larger"].flatMap((id) => registry.get(id).keys ?? []);
    brushSize.setAttribute("aria-keyshortcuts", keys.join(" "));
    brushSize.oninput = () => tools.setBrushSize(brushSize.valueAsNumber);
    effect(() => this.#show());
  }

  #show() {
    count("toolbar");
    const [tool, size] = [this.#tools.tool.value, this.#tools.brushSize.value];
    for (const [name, button] of toolButtons) button.ariaPressed = String(name === tool);
    brushSize.value = String(size);
    brushSizeValue.value = `${size} px`;
    this.#showEdit(undo, "edit.undo", this.#history.last.value);
    this.#showEdit(redo, "edit.redo", this.#history.next.value);
  }

  /** @param edit what the button would undo or redo, if anything */
  #showEdit(button: HTMLButtonElement, id: string, edit: string | undefined) {
    const command = this.#registry.get(id);
    button.disabled = edit === undefined;
    button.title = titleOf(edit === undefined ? command : { ...command, label: `${command.label}: ${edit}` });
  }
}
