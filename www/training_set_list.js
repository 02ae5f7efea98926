// The list of labelled images to train on, and of those that are held out.

import { byId, make, objects } from "./dom.js";

/** @typedef {import("./project.js").Project} Project */

/**
 * @typedef {object} TrainingSetActions
 * @property {(id: string) => void} open
 * @property {(image: LabelledImage) => void} remove its labels
 */

const list = byId("training-set", HTMLUListElement);
const note = byId("training-set-note", HTMLElement);

/** @param {LabelledImage[]} labelled */
function describe(labelled) {
  if (labelled.length === 0) return "Images with labelled objects appear here.";
  if (labelled.length === 1) return "With a single image, a part of its objects is held out.";
  return "Held-out images judge the training and are not trained on.";
}

/** Only items near the view have content, as there may be hundreds. */
const NEAR_VIEW = { root: list.closest("aside"), rootMargin: "1000px" };

export class TrainingSetList {
  #project;
  #actions;
  /** What each item shows, so that it is built anew only when that changes. @type {Map<string, {shown: string, item: HTMLLIElement}>} */
  #items = new Map();
  /** @type {Set<Element>} */
  #near = new Set();
  #observer = new IntersectionObserver((entries) => this.#moved(entries), NEAR_VIEW);

  /** @param {Project} project @param {TrainingSetActions} actions */
  constructor(project, actions) {
    this.#project = project;
    this.#actions = actions;
  }

  show() {
    const { labelled } = this.#project;
    const ids = new Set(labelled.map(({ id }) => id));
    for (const [id, { item }] of this.#items) {
      if (ids.has(id)) continue;
      this.#observer.unobserve(item);
      this.#near.delete(item);
      item.remove();
      this.#items.delete(id);
    }
    labelled.forEach((image, i) => {
      const item = this.#itemOf(image, labelled.length > 1);
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
    });
    note.textContent = describe(labelled);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#near.add(target);
      else this.#near.delete(target);
    }
    this.show();
  }

  /** @param {string} id */
  #newItem(id) {
    const known = { shown: "", item: make("li") };
    this.#items.set(id, known);
    // Until it is known to be elsewhere.
    this.#near.add(known.item);
    this.#observer.observe(known.item);
    return known;
  }

  /** @param {LabelledImage} image @param {boolean} several */
  #itemOf(image, several) {
    const { id, name, heldOut } = image;
    const open = this.#project.current?.id === id;
    const known = this.#items.get(id) ?? this.#newItem(id);
    const { item } = known;
    const shown = this.#near.has(item) ? JSON.stringify([open, several, name, image.objects, heldOut]) : "";
    if (known.shown === shown) return item;
    known.shown = shown;
    if (!shown) {
      item.replaceChildren();
      return item;
    }
    const focused = document.activeElement?.id;
    const openButton = make(
      "button",
      { type: "button", id: `open-${id}`, ariaLabel: `${open ? "Shown" : "Open"}: ${name}`, disabled: open, onclick: () => this.#actions.open(id) },
      open ? "Shown" : "Open",
    );
    const removeButton = make(
      "button",
      { type: "button", id: `remove-${id}`, ariaLabel: `Remove the labels of ${name}`, onclick: () => this.#remove(id) },
      "Remove",
    );
    item.replaceChildren(
      make("p", { className: "item-title" }, make("strong", { title: name }, name), make("span", { className: "badge" }, objects(image.objects))),
      make("div", { className: "buttons" }, ...(several ? [this.#heldOutSelect(image)] : []), openButton, removeButton),
    );
    if (focused && item.contains(document.getElementById(focused))) document.getElementById(focused)?.focus();
    return item;
  }

  /** @param {LabelledImage} image */
  #heldOutSelect({ id, name, heldOut }) {
    const select = make(
      "select",
      { id: `held-out-${id}`, ariaLabel: `Use of ${name}` },
      make("option", { value: "training" }, "Training"),
      make("option", { value: "held-out" }, "Held out"),
    );
    select.value = heldOut ? "held-out" : "training";
    select.onchange = () => {
      const wanted = select.value === "held-out";
      // A refused choice is shown as it was.
      select.value = heldOut ? "held-out" : "training";
      this.#project.setHeldOut(id, wanted);
    };
    return select;
  }

  /** @param {string} id */
  #remove(id) {
    const image = this.#project.labelled.find((other) => other.id === id);
    if (image) this.#actions.remove(image);
  }
}
