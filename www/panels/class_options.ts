// Choosing a class from a list.

import type { ObjectClass } from "../document/types.js";
import { make } from "./dom.js";

/** Offers the classes and chooses one of them; null: no class. */
export function offerClasses(select: HTMLSelectElement, classes: readonly ObjectClass[], chosen: string | null) {
  const offered = [{ id: "", name: "No class" }, ...classes];
  const present = [...select.options];
  // An open list would close if its options were replaced.
  const same =
    present.length === offered.length && offered.every(({ id, name }, i) => present[i].value === id && present[i].textContent === name);
  if (!same) select.replaceChildren(...offered.map(({ id, name }) => make("option", { value: id }, name)));
  select.value = chosen ?? "";
}
