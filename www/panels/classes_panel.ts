// The classes of objects: the person's own, with a colour and, for the first nine, a number key.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ObjectClass } from "../document/types.js";
import { offerClasses } from "./class_options.js";
import { byId, make } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";

const KEYS = 9;
const details = byId("classes-details", HTMLElement);
const addButton = byId("add-class", HTMLButtonElement);
const current = byId("current-class", HTMLSelectElement);

/** A class with its number key, which may be none. */
interface Row {
  one: ObjectClass;
  key: string;
}

export class ClassesPanel {
  #project;
  #images;
  #list = new KeyedList<Row>(byId("classes", HTMLUListElement), {
    keyOf: ({ one }) => one.id,
    shown: ({ one, key }) => JSON.stringify([one.name, one.colour, key]),
    build: (row) => this.#build(row),
  });

  constructor({ project, images }: Workbench) {
    this.#project = project;
    this.#images = images;
    current.onchange = () => (project.currentClass.value = current.value || null);
    // The button's own listener adds the class, and comes before those of its ancestors.
    details.addEventListener("click", ({ target }) => {
      if (target === addButton) this.#nameLast();
    });
    effect(() => this.#show());
  }

  #show() {
    count("classes");
    const classes = this.#project.classes.value;
    this.#list.show(classes.map((one, place) => ({ one, key: place < KEYS ? String(place + 1) : "" })));
    offerClasses(current, classes, this.#project.currentClass.value);
  }

  #build({ one, key }: Row) {
    const images = this.#images;
    const colour = make("input", { type: "color", id: `class-colour-${one.id}`, value: one.colour, ariaLabel: `Colour of ${one.name}` });
    colour.onchange = () => images.changeClass("change a class's colour", { ...one, colour: colour.value });
    const name = make("input", {
      type: "text",
      id: `class-name-${one.id}`,
      value: one.name,
      maxLength: 100,
      ariaLabel: "Class name",
      autocomplete: "off",
    });
    name.onchange = () => {
      if (name.value.trim()) images.changeClass("rename a class", { ...one, name: name.value.trim() });
      else name.value = one.name;
    };
    const remove = make("button", { type: "button", ariaLabel: `Remove ${one.name}`, onclick: () => images.removeClass(one.id) }, "Remove");
    return [make("kbd", {}, key), colour, name, remove];
  }

  /** Lets the person type a new class's name. */
  #nameLast() {
    const last = this.#project.classes.peek().at(-1);
    if (!last) return;
    const name = byId(`class-name-${last.id}`, HTMLInputElement);
    name.focus();
    name.select();
  }
}
