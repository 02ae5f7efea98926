// What is done with the project's images and classes, each as one edit of the history.

import { batch } from "../vendor/signals-core.js";
import { colourOfNumber } from "../document/colours.js";
import type { History } from "../document/history.js";
import { type Project, type ProjectImage, sameDisplay } from "../document/project.js";
import type { ImageSource, ObjectAttributes, ObjectClass } from "../document/types.js";
import type { Display } from "../engine/graysam.js";

function newId() {
  return Math.random().toString(36).slice(2, 10);
}

export class ImageCommands {
  #project;
  #history;
  #open;

  /** @param open opens an image in the place of the open one */
  constructor(project: Project, history: History, open: (source: ImageSource) => void) {
    this.#project = project;
    this.#history = history;
    this.#open = open;
  }

  /** Shows the open image, and gives it to the model, in another display. */
  setDisplay(display: Display) {
    const current = this.#project.current.peek();
    const before = current?.display;
    if (!current || !this.#project.imageOf(current.id) || sameDisplay(before, display)) return;
    const set = (chosen: Display | undefined) => () => chosen && this.#project.setDisplay(chosen);
    batch(() => {
      this.#project.setDisplay(display);
      this.#history.push({ label: "change the display", image: current.id, undo: set(before), redo: set(display) });
    });
  }

  setDone(image: ProjectImage, done: boolean) {
    const before = image.done;
    const set = (value: boolean) => () => {
      image.done = value;
      this.#project.touched();
    };
    batch(() => {
      set(done)();
      const label = done ? "mark the image as done" : "mark the image as not done";
      this.#history.push({ label, image: undefined, undo: set(before), redo: set(done) });
    });
  }

  /** Removes an image from the project; its neighbour is opened. */
  remove(image: ProjectImage) {
    const project = this.#project;
    const place = project.images.peek().indexOf(image);
    const redo = () => {
      const neighbour = project.beside(1) ?? project.beside(-1);
      project.images.value = project.images.peek().filter((other) => other !== image);
      if (image === project.current.peek() && neighbour) this.#open(neighbour.source);
    };
    const undo = () => {
      project.images.value = project.images.peek().toSpliced(place, 0, image);
    };
    batch(() => {
      redo();
      this.#history.push({ label: "remove the image", image: undefined, undo, redo });
    });
  }

  /** Removes the objects of an image that is not open. */
  clearObjects(id: string) {
    const image = this.#project.imageOf(id);
    if (!image || image.labels) return;
    interface Objects {
      packed: Uint32Array;
      objects: [number, ObjectAttributes][];
    }
    const before: Objects = { packed: image.packed, objects: [...image.objects] };
    const after: Objects = { packed: Uint32Array.of(image.width * image.height, 0), objects: [] };
    const set = ({ packed, objects }: Objects) => {
      image.packed = packed;
      image.objects.clear();
      for (const [number, attributes] of objects) image.objects.set(number, attributes);
      this.#project.objectsChanged(image);
    };
    // It is undone where that can be seen, on the image itself, which is open by then.
    const replace = (state: Objects) => () => {
      this.#project.close();
      set(state);
      this.#open(image.source);
    };
    batch(() => {
      set(after);
      this.#history.push({ label: `remove the labels of ${image.name}`, image: id, undo: replace(before), redo: replace(after) });
    });
  }

  addClass(): string {
    const classes = this.#project.classes.peek();
    let number = classes.length + 1;
    while (classes.some(({ name }) => name === `Class ${number}`)) number += 1;
    return this.#appendClass(`Class ${number}`, colourOfNumber(number));
  }

  /** The id of the class of this name, which is added if need be. @param colour may be empty */
  classNamed(name: string, colour: string): string {
    const classes = this.#project.classes.peek();
    return classes.find((one) => one.name === name)?.id ?? this.#appendClass(name, colour || colourOfNumber(classes.length + 1));
  }

  changeClass(label: string, changed: ObjectClass) {
    this.#setClasses(
      label,
      this.#project.classes.peek().map((one) => (one.id === changed.id ? changed : one)),
    );
  }

  /** Its objects have no class until that is undone. */
  removeClass(id: string) {
    this.#setClasses(
      "remove a class",
      this.#project.classes.peek().filter((one) => one.id !== id),
    );
  }

  #appendClass(name: string, colour: string) {
    const id = newId();
    this.#setClasses("add a class", [...this.#project.classes.peek(), { id, name, colour }]);
    return id;
  }

  #setClasses(label: string, classes: readonly ObjectClass[]) {
    const project = this.#project;
    const before = project.classes.peek();
    const current = project.currentClass.peek();
    const set = (all: readonly ObjectClass[], chosen: string | null) => () =>
      batch(() => {
        project.classes.value = all;
        project.currentClass.value = project.classOf(chosen) ? chosen : null;
        const labels = project.current.peek()?.labels;
        if (labels) project.damage.add({ x0: 0, y0: 0, x1: labels.width, y1: labels.height });
      });
    batch(() => {
      set(classes, current)();
      this.#history.push({ label, image: undefined, undo: set(before, current), redo: set(classes, current) });
    });
  }
}
