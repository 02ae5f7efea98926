// The classes of objects: the person's own, with a colour and, for the first nine, a number key.

import { colourOfNumber } from "./colours.js";
import { byId, isTyping, make } from "./dom.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./object_editor.js").ObjectEditor} ObjectEditor */
/** @typedef {import("./project.js").Project} Project */

const KEYS = 9;
const list = byId("classes", HTMLUListElement);
const current = byId("current-class", HTMLSelectElement);

function newId() {
  return Math.random().toString(36).slice(2, 10);
}

export class ClassesPanel {
  #project;
  #history;
  #editor;
  /** What is shown, so that it is built anew only when that changes. */
  #shown = "";

  /** @param {Project} project @param {History} history @param {ObjectEditor} editor */
  constructor(project, history, editor) {
    this.#project = project;
    this.#history = history;
    this.#editor = editor;
    byId("add-class", HTMLButtonElement).onclick = () => this.#add();
    current.onchange = () => this.#setCurrent(current.value || null);
    document.addEventListener("keydown", (event) => this.#key(event));
    project.onChange(() => this.show());
  }

  show() {
    const { classes, currentClass } = this.#project;
    const shown = JSON.stringify([classes, currentClass]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = document.activeElement?.id;
    list.replaceChildren(...classes.map((one, place) => this.#row(one, place)));
    const options = [{ id: "", name: "No class" }, ...classes];
    current.replaceChildren(...options.map(({ id, name }) => make("option", { value: id }, name)));
    current.value = currentClass ?? "";
    if (focused) document.getElementById(focused)?.focus();
  }

  /** The class of this name, added if need be. @param {Omit<ObjectClass, "id">} wanted a colour may be empty */
  idOf({ name, colour }) {
    const { classes } = this.#project;
    const known = classes.find((one) => one.name === name);
    if (known) return known.id;
    const id = newId();
    this.#commit("add a class", [...classes, { id, name, colour: colour || colourOfNumber(classes.length + 1) }]);
    return id;
  }

  /** @param {ObjectClass} one @param {number} place */
  #row(one, place) {
    const colour = make("input", { type: "color", id: `class-colour-${one.id}`, value: one.colour, ariaLabel: `Colour of ${one.name}` });
    colour.onchange = () => this.#replace("change a class's colour", { ...one, colour: colour.value });
    const name = make("input", { type: "text", id: `class-name-${one.id}`, value: one.name, maxLength: 100, ariaLabel: "Class name", autocomplete: "off" });
    name.onchange = () => {
      if (name.value.trim()) this.#replace("rename a class", { ...one, name: name.value.trim() });
      else name.value = one.name;
    };
    const remove = make("button", { type: "button", ariaLabel: `Remove ${one.name}`, onclick: () => this.#remove(one) }, "Remove");
    return make("li", {}, make("kbd", {}, place < KEYS ? String(place + 1) : ""), colour, name, remove);
  }

  #add() {
    const { classes } = this.#project;
    const id = newId();
    let number = classes.length + 1;
    while (classes.some(({ name }) => name === `Class ${number}`)) number += 1;
    this.#commit("add a class", [...classes, { id, name: `Class ${number}`, colour: colourOfNumber(number) }]);
    byId(`class-name-${id}`, HTMLInputElement).select();
  }

  /** @param {string} what @param {ObjectClass} changed */
  #replace(what, changed) {
    this.#commit(what, this.#project.classes.map((one) => (one.id === changed.id ? changed : one)));
  }

  /** Its objects are of no class then, until it is had back. @param {ObjectClass} removed */
  #remove(removed) {
    this.#commit("remove a class", this.#project.classes.filter((one) => one !== removed));
  }

  /** @param {string} what @param {ObjectClass[]} classes */
  #commit(what, classes) {
    const before = this.#project.classes;
    const set = (/** @type {ObjectClass[]} */ all) => {
      this.#project.classes = all;
      if (!this.#project.classOf(this.#project.currentClass)) this.#project.currentClass = null;
      this.#project.changed();
      this.#editor.repaintAll();
    };
    set(classes);
    this.#history.push({ what, image: undefined, undo: () => set(before), redo: () => set(classes) });
  }

  /** @param {string | null} id */
  #setCurrent(id) {
    this.#project.currentClass = id;
    this.#project.changed();
  }

  /** A number gives the selected objects its class, or new ones. @param {KeyboardEvent} event */
  #key(event) {
    const { key, ctrlKey, metaKey, altKey, target, defaultPrevented } = event;
    if (defaultPrevented || ctrlKey || metaKey || altKey || isTyping(target) || !/^[1-9]$/.test(key)) return;
    const one = this.#project.classes[Number(key) - 1];
    if (!one) return;
    event.preventDefault();
    const { selection } = this.#editor;
    if (selection.size > 0) this.#editor.change("change the class", selection, { classId: one.id });
    else this.#setCurrent(one.id);
  }
}
