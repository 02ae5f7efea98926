// Keys that are commands, wherever they have no meaning of their own.

import type { Registry } from "../commands/registry.js";
import { isTyping } from "./dom.js";

/** Where Enter presses, opens or follows. */
function takesEnter(target: EventTarget | null) {
  return target instanceof Element && target.closest("button, a, summary") !== null;
}

export function listenToKeys(registry: Registry, canvas: HTMLElement) {
  document.addEventListener("keydown", (event) => {
    const { target, key, ctrlKey, metaKey } = event;
    // A question is answered before anything else, and Escape closes it.
    if (event.defaultPrevented || isTyping(target) || document.querySelector("dialog[open]")) return;
    if (key === "Enter" && !ctrlKey && !metaKey && takesEnter(target)) return;
    const command = registry.find(event, target === canvas);
    if (!command) return;
    event.preventDefault();
    command.run();
  });
}
