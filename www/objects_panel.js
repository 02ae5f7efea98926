// The section "Objects": the list of the image's objects, and what is selected in it.

import { byId, keysToImage, make, objects } from "./dom.js";

/** @typedef {import("./object_editor.js").ObjectEditor} ObjectEditor */
/** @typedef {import("./project.js").Project} Project */

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const scroll = byId("object-scroll", HTMLElement);
const list = byId("objects", HTMLUListElement);
const details = byId("object-details", HTMLFieldSetElement);
const nameInput = byId("object-name", HTMLInputElement);
const classSelect = byId("object-class", HTMLSelectElement);
const colourInput = byId("object-colour", HTMLInputElement);
const visibleInput = byId("object-visible", HTMLInputElement);
const lockedInput = byId("object-locked", HTMLInputElement);

/** Rows above and below the visible ones that are there too, for the keyboard. */
const SPARE = 6;

export class ObjectsPanel {
  #editor;
  #project;
  /** @type {number[]} */
  #numbers = [];
  /** What each row shows, so that it is built anew only when that changes. @type {Map<number, {shown: string, row: HTMLLIElement}>} */
  #rows = new Map();
  /** The object that is brought into view once. */
  #reveal = 0;

  /** @param {ObjectEditor} editor @param {Project} project @param {{refine: (id: number) => void}} actions */
  constructor(editor, project, actions) {
    this.#editor = editor;
    this.#project = project;
    scroll.addEventListener("scroll", () => this.#showRows());
    new ResizeObserver(() => this.#showRows()).observe(scroll);
    list.addEventListener("keydown", (event) => this.#key(event));
    nameInput.onchange = () => this.#change("rename", { name: nameInput.value.trim() });
    classSelect.onchange = () => this.#change("change the class", { classId: classSelect.value || null });
    colourInput.onchange = () => this.#change("change the colour", { colour: colourInput.value });
    button("reset-colour").onclick = () => this.#change("change the colour", { colour: null });
    visibleInput.onchange = () => this.#change(visibleInput.checked ? "show" : "hide", { hidden: !visibleInput.checked });
    lockedInput.onchange = () => this.#change(lockedInput.checked ? "lock" : "unlock", { locked: lockedInput.checked });
    for (const [id, act] of /** @type {[string, () => void][]} */ ([
      ["refine-object", () => this.refine(actions.refine)],
      ["fill-holes", () => editor.fillHoles()],
      ["smooth-object", () => editor.smooth()],
      ["split-object", () => editor.split()],
      ["merge-objects", () => editor.merge()],
      ["delete-object", () => editor.remove(editor.selection)],
    ])) {
      button(id).onclick = (click) => {
        act();
        keysToImage(click);
      };
    }
  }

  /** @param {(id: number) => void} refine */
  refine(refine) {
    const [id] = this.#editor.selection;
    if (!id) return;
    if (this.#editor.attributes(id).locked) this.#editor.tellLocked(id);
    else refine(id);
  }

  /** Shows all that follows from the objects and the selection. */
  show() {
    const { labels, selection } = this.#editor;
    this.#numbers = labels?.numbers ?? [];
    const count = this.#numbers.length;
    byId("object-count", HTMLOutputElement).value = labels ? count.toLocaleString("en") : "–";
    byId("object-count-label", HTMLElement).textContent = count === 1 ? "object" : "objects";
    scroll.hidden = count === 0;
    const [first] = selection;
    if (first && first !== this.#reveal) this.#scrollTo(first);
    this.#reveal = first ?? 0;
    this.#showRows();
    this.#showDetails();
  }

  get #rowHeight() {
    return 2 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  /** @param {number} id */
  #scrollTo(id) {
    const top = this.#numbers.indexOf(id) * this.#rowHeight;
    if (top < scroll.scrollTop || top + this.#rowHeight > scroll.scrollTop + scroll.clientHeight) {
      scroll.scrollTop = top - scroll.clientHeight / 2;
    }
  }

  /** Only the rows in view are in the page, as an image may have thousands of objects. */
  #showRows() {
    const height = this.#rowHeight;
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - SPARE);
    const last = Math.min(this.#numbers.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + SPARE);
    list.style.paddingTop = `${first * height}px`;
    list.style.paddingBottom = `${(this.#numbers.length - last) * height}px`;
    const shown = this.#numbers.slice(first, last);
    const focused = document.activeElement?.id;
    for (const [id, { row }] of this.#rows) {
      if (shown.includes(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    shown.forEach((id, i) => {
      const row = this.#rowOf(id);
      row.ariaPosInSet = String(first + i + 1);
      row.ariaSetSize = String(this.#numbers.length);
      if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
    });
    this.#letTabStop(shown);
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  }

  /** The Tab key stops at one row, from which the arrow keys go on. @param {number[]} shown */
  #letTabStop(shown) {
    const stop = shown.find((id) => this.#editor.selection.has(id)) ?? shown[0];
    for (const [id, { row }] of this.#rows) {
      for (const element of row.querySelectorAll("button")) element.tabIndex = id === stop ? 0 : -1;
    }
  }

  /** @param {number} id */
  #rowOf(id) {
    const { hidden, locked, classId } = this.#editor.attributes(id);
    const [name, colour] = [this.#editor.nameOf(id), this.#editor.colourOf(id)];
    const kind = this.#project.classOf(classId)?.name ?? "";
    const area = this.#editor.labels?.areaOf(id) ?? 0;
    const selected = this.#editor.selection.has(id);
    const shown = JSON.stringify([name, colour, kind, area, hidden, locked, selected]);
    const known = this.#rows.get(id);
    if (known?.shown === shown) return known.row;
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = colour;
    const select = make(
      "button",
      { type: "button", id: `object-${id}`, className: "object-name", ariaPressed: String(selected), title: name },
      swatch,
      make("span", { className: "object-title" }, name),
      make("span", { className: "note" }, [kind, `${area.toLocaleString("en")} px`].filter(Boolean).join(" · ")),
    );
    select.onclick = ({ ctrlKey, metaKey, shiftKey }) => this.#editor.select(id, ctrlKey || metaKey || shiftKey);
    const eye = this.#toggle(id, "hidden", hidden, `${hidden ? "Show" : "Hide"} ${name}`);
    const lock = this.#toggle(id, "locked", locked, `${locked ? "Unlock" : "Lock"} ${name}`);
    const row = known?.row ?? make("li");
    row.className = selected ? "selected" : "";
    row.replaceChildren(select, eye, lock);
    this.#rows.set(id, { shown, row });
    return row;
  }

  /** @param {number} id @param {"hidden" | "locked"} what @param {boolean} on @param {string} label */
  #toggle(id, what, on, label) {
    const element = make("button", {
      type: "button",
      id: `${what}-${id}`,
      className: `toggle ${what}-toggle`,
      ariaLabel: label,
      title: label,
      ariaPressed: String(on),
    });
    element.onclick = () => this.#editor.change(label.toLowerCase(), [id], { [what]: !on });
    return element;
  }

  #showDetails() {
    const ids = [...this.#editor.selection];
    details.hidden = ids.length === 0;
    if (ids.length === 0) return;
    const [id] = ids;
    const { name, classId, hidden, locked, iou } = this.#editor.attributes(id);
    const area = ids.reduce((sum, one) => sum + (this.#editor.labels?.areaOf(one) ?? 0), 0);
    byId("selection-heading", HTMLElement).textContent = ids.length === 1 ? this.#editor.nameOf(id) : objects(ids.length);
    if (document.activeElement !== nameInput) nameInput.value = name;
    nameInput.placeholder = `Object ${id}`;
    this.#fillClasses(classSelect, classId);
    colourInput.value = this.#editor.colourOf(id);
    visibleInput.checked = !hidden;
    lockedInput.checked = locked;
    const predicted = ids.length === 1 && iou !== null ? `, predicted IoU ${iou.toFixed(3)}` : "";
    byId("object-facts", HTMLElement).textContent = `${area.toLocaleString("en")} pixels${predicted}`;
    button("merge-objects").disabled = ids.length < 2;
    button("refine-object").disabled = ids.length !== 1;
  }

  /** Fills a list of classes and chooses one. @param {HTMLSelectElement} select @param {string | null} chosen */
  #fillClasses(select, chosen) {
    const options = [{ id: "", name: "No class" }, ...this.#project.classes];
    select.replaceChildren(...options.map(({ id, name }) => make("option", { value: id }, name)));
    select.value = chosen ?? "";
  }

  /** @param {string} what @param {Partial<ObjectAttributes>} changed */
  #change(what, changed) {
    this.#editor.change(what, this.#editor.selection, changed);
  }

  /** Up and down go along the list. @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const [selected] = this.#editor.selection;
    const focused = Number(document.activeElement?.id.split("-").at(-1));
    const next = selected ? this.#numbers[this.#numbers.indexOf(selected) + step] : focused;
    if (!next) return;
    this.#editor.select(next);
    document.getElementById(`object-${next}`)?.focus();
  }
}
