// A light or a dark look, as the person chose in an earlier visit or chooses now; else as the system has it.

import { byId } from "./dom.js";

const KEPT = "graysam-look";
const choice = byId("look", HTMLSelectElement);

/** @param {string} look "light", "dark", or "system" */
function take(look) {
  if (look === "light" || look === "dark") document.documentElement.dataset.look = look;
  else delete document.documentElement.dataset.look;
}

try {
  choice.value = localStorage.getItem(KEPT) ?? "system";
} catch {
  // Without storage the choice lasts as long as the page.
}
take(choice.value);
choice.addEventListener("change", () => {
  take(choice.value);
  try {
    localStorage.setItem(KEPT, choice.value);
  } catch {
    // As above.
  }
});

/** @param {() => void} changed called when the page has another look */
export function onLook(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  choice.addEventListener("change", changed);
}

/** What a custom property is in the present look, for a canvas. @param {HTMLElement} element @param {string} name */
export function colourOf(element, name) {
  element.style.color = `var(${name})`;
  const { color } = getComputedStyle(element);
  element.style.removeProperty("color");
  return color;
}
