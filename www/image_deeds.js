// What a person does with the project's images, each as one deed of the history.

/** @typedef {import("./project.js").ProjectImage} ProjectImage */

/**
 * @typedef {object} ImageDeedsActions
 * @property {(display: Display) => void} show takes another display for the open image
 * @property {(source: ImageSource) => void} open
 */

export class ImageDeeds {
  #project;
  #history;
  #actions;

  /** @param {import("./project.js").Project} project @param {import("./history.js").History} history @param {ImageDeedsActions} actions */
  constructor(project, history, actions) {
    this.#project = project;
    this.#history = history;
    this.#actions = actions;
  }

  /** Keeps what the person chose and sees. @param {Display} display */
  displayChanged(display) {
    const before = this.#project.current?.display;
    if (!before || JSON.stringify(before) === JSON.stringify(display)) return;
    const set = (/** @type {Display} */ chosen) => {
      this.#actions.show(chosen);
      this.#project.setDisplay(chosen);
    };
    this.#project.setDisplay(display);
    const image = this.#project.current?.id;
    this.#history.push({ what: "change the display", image, undo: () => set(before), redo: () => set(display) });
  }

  /** @param {ProjectImage} image @param {boolean} done */
  setDone(image, done) {
    const before = image.done;
    const set = (/** @type {boolean} */ value) => {
      image.done = value;
      this.#project.changed();
    };
    set(done);
    const what = done ? "mark the image as done" : "mark the image as not done";
    this.#history.push({ what, image: undefined, undo: () => set(before), redo: () => set(done) });
  }

  /** Takes an image out of the project; its neighbour is opened. @param {ProjectImage} image */
  remove(image) {
    const project = this.#project;
    const place = project.images.indexOf(image);
    const redo = () => {
      const neighbour = project.beside(1) ?? project.beside(-1);
      project.images = project.images.filter((other) => other !== image);
      project.changed();
      if (image === project.current && neighbour) this.#actions.open(neighbour.source);
    };
    redo();
    const undo = () => {
      project.images.splice(place, 0, image);
      project.changed();
    };
    this.#history.push({ what: "remove the image", image: undefined, undo, redo });
  }

  /** An image that is not open loses its objects. @param {string} id */
  clearObjects(id) {
    const project = this.#project;
    const image = project.images.find((other) => other.id === id);
    if (!image) return;
    const before = { runs: image.runs, objects: new Map(image.objects) };
    const after = { runs: Uint32Array.of(image.width * image.height, 0), objects: new Map() };
    const set = (/** @type {typeof before} */ { runs, objects }) => {
      Object.assign(image, { runs, objects: new Map(objects), revision: image.revision + 1 });
      project.changed();
    };
    set(after);
    // It is undone where it can be seen: on that image, which may be open by then.
    const replace = (/** @type {typeof before} */ state) => {
      project.close();
      set(state);
      this.#actions.open(image.source);
    };
    const what = `remove the labels of ${image.name}`;
    this.#history.push({ what, image: id, undo: () => replace(before), redo: () => replace(after) });
  }
}
