// The section "Objects": the list of the image's objects, and what is selected in it.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ObjectAttributes } from "../document/types.js";
import { offerClasses } from "./class_options.js";
import { byId, make, objects as inWords } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";

const scroll = byId("object-scroll", HTMLElement);
const list = byId("objects", HTMLUListElement);
const objectCount = byId("object-count", HTMLOutputElement);
const objectCountLabel = byId("object-count-label", HTMLElement);
const details = byId("object-details", HTMLFieldSetElement);
const heading = byId("selection-heading", HTMLElement);
const nameInput = byId("object-name", HTMLInputElement);
const classSelect = byId("object-class", HTMLSelectElement);
const colourInput = byId("object-colour", HTMLInputElement);
const resetColour = byId("reset-colour", HTMLButtonElement);
const visibleInput = byId("object-visible", HTMLInputElement);
const lockedInput = byId("object-locked", HTMLInputElement);
const facts = byId("object-facts", HTMLElement);

/** Rows above and below the visible ones that are there too, for the keyboard. */
const SPARE = 6;

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 };

/** What a row shows of an object. */
interface Row extends Pick<ObjectAttributes, "name" | "hidden" | "locked"> {
  id: number;
  colour: string;
  className: string;
  area: number;
  selected: boolean;
}

export class ObjectsPanel {
  #project;
  #objects;
  #rows = new KeyedList<Row>(list, {
    keyOf: ({ id }) => String(id),
    shown: (row) => JSON.stringify(row),
    build: (row, element) => this.#build(row, element),
  });
  #numbers: readonly number[] = [];
  /** The object that was brought into view last. */
  #revealed = 0;
  /** The objects that a name is being typed for. */
  #renamed: readonly number[] = [];

  constructor({ project, objects }: Workbench) {
    this.#project = project;
    this.#objects = objects;
    scroll.addEventListener("scroll", () => this.#showRows());
    new ResizeObserver(() => this.#showRows()).observe(scroll);
    list.addEventListener("keydown", (event) => this.#key(event));
    this.#wireName();
    classSelect.onchange = () => this.#change("change the class", { classId: classSelect.value || null });
    colourInput.onchange = () => this.#change("change the colour", { colour: colourInput.value });
    resetColour.onclick = () => this.#change("change the colour", { colour: null });
    visibleInput.onchange = () => this.#change(visibleInput.checked ? "show" : "hide", { hidden: !visibleInput.checked });
    lockedInput.onchange = () => this.#change(lockedInput.checked ? "lock" : "unlock", { locked: lockedInput.checked });
    effect(() => this.#show());
  }

  /** A click on another object selects that one before the name of this one is complete. */
  #wireName() {
    const objects = this.#objects;
    nameInput.oninput = () => (this.#renamed = [...objects.selection]);
    nameInput.onchange = () => objects.change("rename", this.#renamed, { name: nameInput.value.trim() });
    nameInput.onblur = () => {
      const [id] = objects.selection;
      if (id) nameInput.value = objects.attributes(id).name;
    };
  }

  #show() {
    count("objects");
    const { current, objectChanges, classes, selection } = this.#project;
    void [objectChanges.value, classes.value];
    this.#numbers = current.value?.labels.numbers ?? [];
    const objects = this.#numbers.length;
    objectCount.value = current.value ? objects.toLocaleString("en") : "–";
    objectCountLabel.textContent = objects === 1 ? "object" : "objects";
    scroll.hidden = objects === 0;
    const [first = 0] = selection.value;
    if (first && first !== this.#revealed) this.#scrollTo(first);
    this.#revealed = first;
    this.#showRows();
    this.#showDetails([...selection.value]);
  }

  get #rowHeight() {
    return 2 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  #scrollTo(id: number) {
    const top = this.#numbers.indexOf(id) * this.#rowHeight;
    if (top < scroll.scrollTop || top + this.#rowHeight > scroll.scrollTop + scroll.clientHeight) {
      scroll.scrollTop = top - scroll.clientHeight / 2;
    }
  }

  /** Only the rows in view are in the page, as an image may have thousands of objects. */
  #showRows() {
    const height = this.#rowHeight;
    const numbers = this.#numbers;
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - SPARE);
    const last = Math.min(numbers.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + SPARE);
    list.style.paddingTop = `${first * height}px`;
    list.style.paddingBottom = `${(numbers.length - last) * height}px`;
    const rows = numbers.slice(first, last).map((id) => this.#rowOf(id));
    this.#rows.show(rows);
    // The Tab key stops at one row, from which the arrow keys go on.
    const stop = rows.find(({ selected }) => selected) ?? rows[0];
    rows.forEach((row, i) => {
      const element = this.#rows.elementOf(String(row.id));
      if (!element) return;
      element.ariaPosInSet = String(first + i + 1);
      element.ariaSetSize = String(numbers.length);
      for (const button of element.querySelectorAll("button")) button.tabIndex = row === stop ? 0 : -1;
    });
  }

  #rowOf(id: number): Row {
    const objects = this.#objects;
    const { classId, hidden, locked } = objects.attributes(id);
    return {
      id,
      name: objects.nameOf(id),
      colour: objects.colourOf(id),
      className: this.#project.classOf(classId)?.name ?? "",
      area: objects.labels?.areaOf(id) ?? 0,
      hidden,
      locked,
      selected: objects.selection.has(id),
    };
  }

  #build({ id, name, colour, className, area, hidden, locked, selected }: Row, element: HTMLLIElement) {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = colour;
    const select = make(
      "button",
      { type: "button", id: `object-${id}`, className: "object-name", ariaPressed: String(selected), title: name },
      swatch,
      make("span", { className: "object-title" }, name),
      make("span", { className: "note" }, [className, `${area.toLocaleString("en")} px`].filter(Boolean).join(" · ")),
    );
    select.onclick = ({ ctrlKey, metaKey, shiftKey }) => this.#objects.select(id, ctrlKey || metaKey || shiftKey);
    element.className = selected ? "selected" : "";
    return [
      select,
      this.#toggle(id, "hidden", hidden, `${hidden ? "Show" : "Hide"} ${name}`),
      this.#toggle(id, "locked", locked, `${locked ? "Unlock" : "Lock"} ${name}`),
    ];
  }

  #toggle(id: number, what: "hidden" | "locked", on: boolean, label: string) {
    return make("button", {
      type: "button",
      id: `${what}-${id}`,
      className: `toggle ${what}-toggle`,
      ariaLabel: label,
      title: label,
      ariaPressed: String(on),
      onclick: () => this.#objects.change(label.toLowerCase(), [id], { [what]: !on }),
    });
  }

  #showDetails(ids: readonly number[]) {
    details.hidden = ids.length === 0;
    if (ids.length === 0) return;
    const objects = this.#objects;
    const [id] = ids;
    const { name, classId, hidden, locked, iou } = objects.attributes(id);
    const area = ids.reduce((sum, one) => sum + (objects.labels?.areaOf(one) ?? 0), 0);
    heading.textContent = ids.length === 1 ? objects.nameOf(id) : inWords(ids.length);
    if (document.activeElement !== nameInput) nameInput.value = name;
    nameInput.placeholder = `Object ${id}`;
    offerClasses(classSelect, this.#project.classes.value, classId);
    colourInput.value = objects.colourOf(id);
    visibleInput.checked = !hidden;
    lockedInput.checked = locked;
    const predicted = ids.length === 1 && iou !== null ? `, predicted IoU ${iou.toFixed(3)}` : "";
    facts.textContent = `${area.toLocaleString("en")} pixels${predicted}`;
  }

  #change(label: string, changed: Partial<ObjectAttributes>) {
    this.#objects.change(label, this.#objects.selection, changed);
  }

  /** Up and down go along the list. */
  #key(event: KeyboardEvent) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const [selected] = this.#objects.selection;
    const focused = Number(document.activeElement?.id.split("-").at(-1));
    const next = selected ? this.#numbers[this.#numbers.indexOf(selected) + step] : focused;
    if (!next) return;
    this.#objects.select(next);
    document.getElementById(`object-${next}`)?.focus();
  }
}
