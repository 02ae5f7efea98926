// A light or a dark look, as the person chose in an earlier visit or chooses now; else as the system has it.

import { byId } from "./dom.js";

const KEPT = "graysam-look";
const choice = byId("look", HTMLSelectElement);

/** @param look "light", "dark", or "system" */
function apply(look: string) {
  if (look === "light" || look === "dark") document.documentElement.dataset.look = look;
  else delete document.documentElement.dataset.look;
}

try {
  choice.value = localStorage.getItem(KEPT) ?? "system";
} catch {
  // Without storage the choice lasts as long as the page.
}
apply(choice.value);
choice.addEventListener("change", () => {
  apply(choice.value);
  try {
    localStorage.setItem(KEPT, choice.value);
  } catch {
    // As above.
  }
});

/** @param changed called when the page has another look */
export function onLook(changed: () => void) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  choice.addEventListener("change", changed);
}

/** The present colour of a custom property, for a canvas. */
export function colourOf(element: HTMLElement, name: string) {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.removeProperty("color");
  return color;
}
