// Buttons that stand for a command: <button data-command="edit.undo">.

import { effect } from "../vendor/signals-core.js";
import { ariaKey, type Command, type Registry, shown } from "../commands/registry.js";
import { keysToImage, make } from "./dom.js";

/** What a button's title says: the command and its key. */
export function titleOf({ label, keys }: Command) {
  return keys ? `${label} (${shown(keys[0])})` : label;
}

/**
 * Gives each button of the page its command's title, keys and deed, and disables it while that is not possible. After a
 * click of the mouse the next key is meant for the image.
 */
export function wireButtons(registry: Registry) {
  for (const element of document.querySelectorAll<HTMLElement>("[data-command]")) {
    const command = registry.get(element.dataset.command ?? "");
    element.title = titleOf(command);
    if (command.keys) element.setAttribute("aria-keyshortcuts", command.keys.map(ariaKey).join(" "));
    if (!(element instanceof HTMLButtonElement)) continue;
    element.addEventListener("click", (event) => {
      // First, as the command may move the focus.
      keysToImage(event);
      command.run();
    });
    const { possible } = command;
    if (possible) effect(() => void (element.disabled = !possible()));
  }
}

/** Fills the list of mouse gestures and keys. */
export function showHelp(list: HTMLElement, registry: Registry) {
  list.replaceChildren(...registry.help.flatMap(({ keys, text }) => [make("dt", {}, keys), make("dd", {}, text)]));
}
