// The list of labelled images to train on, and of those that are held out.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { LabelledImage } from "../document/project.js";
import { noteOf } from "../session/training_set.js";
import { byId, make, objects } from "./dom.js";
import { count } from "./drawn.js";
import { LongList } from "./long_list.js";

const list = byId("training-set", HTMLUListElement);
const note = byId("training-set-note", HTMLElement);

export class TrainingSetList {
  #bench;
  #list = new LongList<LabelledImage>(list, list.closest("aside") ?? list, {
    keyOf: ({ id }) => id,
    shown: ({ id, name, objects, heldOut }) => JSON.stringify([this.#isOpen(id), this.#several, name, objects, heldOut]),
    build: (image) => this.#build(image),
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

  #isOpen(id: string) {
    return this.#bench.project.current.peek()?.id === id;
  }

  /** One of several images can be held out. */
  get #several() {
    return this.#bench.project.labelled.peek().length > 1;
  }

  #build(image: LabelledImage) {
    const { id, name } = image;
    const open = this.#isOpen(id);
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
