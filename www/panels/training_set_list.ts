// The list of labelled images to train on, and of those that are held out.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { LabelledImage } from "../document/project.js";
import { noteOf } from "../session/training_set.js";
import { byId, make, objects } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";

const list = byId("training-set", HTMLUListElement);
const note = byId("training-set-note", HTMLElement);

/** Only items near the view have content, as there may be hundreds. */
const NEAR_VIEW = { root: list.closest("aside"), rootMargin: "1000px" };

export class TrainingSetList {
  #bench;
  #near = new Set<Element>();
  #observer = new IntersectionObserver((entries) => this.#moved(entries), NEAR_VIEW);
  #list = new KeyedList<LabelledImage>(list, {
    keyOf: ({ id }) => id,
    shown: (image, element) => this.#shown(image, element),
    build: (image, element) => this.#build(image, element),
    added: (element) => {
      // Until it is known to be elsewhere.
      this.#near.add(element);
      this.#observer.observe(element);
    },
    removed: (element) => {
      this.#observer.unobserve(element);
      this.#near.delete(element);
    },
  });

  constructor(bench: Workbench) {
    this.#bench = bench;
    effect(() => this.#show());
  }

  #show() {
    count("training set");
    const { project } = this.#bench;
    const labelled = project.labelled.value;
    // Its item says that it is shown.
    void project.current.value;
    this.#list.show(labelled);
    note.textContent = noteOf(labelled);
  }

  #moved(entries: readonly IntersectionObserverEntry[]) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#near.add(target);
      else this.#near.delete(target);
    }
    this.#list.show(this.#bench.project.labelled.peek());
  }

  #isOpen({ id }: LabelledImage) {
    return this.#bench.project.current.peek()?.id === id;
  }

  /** One of several images can be held out. */
  get #several() {
    return this.#bench.project.labelled.peek().length > 1;
  }

  #shown(image: LabelledImage, element: HTMLLIElement) {
    if (!this.#near.has(element)) return "";
    return JSON.stringify([this.#isOpen(image), this.#several, image.name, image.objects, image.heldOut]);
  }

  #build(image: LabelledImage, element: HTMLLIElement) {
    if (!this.#near.has(element)) return [];
    const { id, name } = image;
    const open = this.#isOpen(image);
    const word = open ? "Shown" : "Open";
    const openButton = make(
      "button",
      {
        type: "button",
        id: `open-${id}`,
        ariaLabel: `${word}: ${name}`,
        disabled: open,
        onclick: () => void this.#bench.navigation.openById(id),
      },
      word,
    );
    const removeButton = make(
      "button",
      { type: "button", id: `remove-${id}`, ariaLabel: `Remove the labels of ${name}`, onclick: () => this.#remove(image) },
      "Remove",
    );
    const badge = make("span", { className: "badge" }, objects(image.objects));
    return [
      make("p", { className: "item-title" }, make("strong", { title: name }, name), badge),
      make("div", { className: "buttons" }, ...(this.#several ? [this.#heldOutSelect(image)] : []), openButton, removeButton),
    ];
  }

  #heldOutSelect({ id, name, heldOut }: LabelledImage) {
    const { project, notices } = this.#bench;
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
      const refused = project.setHeldOut(id, wanted);
      if (refused) notices.tell(refused);
    };
    return select;
  }

  #remove({ id, name, objects: labelled }: LabelledImage) {
    if (confirm(`Remove the labels of ${name} (${objects(labelled)})?`)) this.#bench.files.removeLabels(id);
  }
}
