// The sections "Labels" and "Training set": tools, label files, and the list of labelled images.

import { byId, isTyping, keysToImage, make } from "./dom.js";

/** @typedef {import("./label_tools.js").LabelTools} LabelTools */
/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./viewer.js").Point} Point */

/**
 * @typedef {object} LabelActions
 * @property {(file: Blob) => Promise<Uint32Array>} read a label image's object numbers
 * @property {() => Promise<Uint32Array>} sampleLabels
 * @property {(ids: Uint32Array, width: number, height: number) => void} download
 * @property {(source: ImageSource) => void} open
 * @property {(shown: boolean) => void} show
 * @property {() => Point | undefined} pointed the image point under pointer or crosshair
 * @property {(error: unknown) => void} failed
 */

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const brushSize = byId("brush-size", HTMLInputElement);
const labelFile = byId("label-file", HTMLInputElement);
const showLabels = byId("show-labels", HTMLInputElement);

/** @type {Tool[]} */
const TOOLS = ["prompt", "draw", "erase"];

/** @param {number} count */
function objects(count) {
  return count === 1 ? "1 object" : `${count.toLocaleString("en")} objects`;
}

/** Where Enter presses, opens or follows. @param {EventTarget | null} target */
function takesEnter(target) {
  return target instanceof Element && target.closest("button, a, summary") !== null;
}

export class LabelsPanel {
  #tools;
  #project;
  #actions;
  /** A label image is being read. */
  #reading = false;
  /** What the list shows, so that it is built anew only when that changes. */
  #listed = "";

  /** @param {LabelTools} tools @param {Project} project @param {LabelActions} actions */
  constructor(tools, project, actions) {
    this.#tools = tools;
    this.#project = project;
    this.#actions = actions;
    for (const tool of TOOLS) {
      button(`tool-${tool}`).onclick = (click) => {
        tools.setTool(tool);
        keysToImage(click);
      };
    }
    brushSize.oninput = () => tools.setBrushSize(brushSize.valueAsNumber);
    showLabels.onchange = () => actions.show(showLabels.checked);
    button("accept-mask").onclick = () => tools.accept();
    button("undo-label").onclick = () => tools.undo();
    button("open-labels").onclick = () => labelFile.click();
    labelFile.onchange = () => {
      const file = labelFile.files?.[0];
      labelFile.value = "";
      if (file) void this.#take(() => actions.read(file));
    };
    button("use-sample-labels").onclick = () => void this.#take(actions.sampleLabels);
    button("download-labels").onclick = () => this.#download();
    document.addEventListener("keydown", (event) => this.#key(event));
    project.onChange(() => this.show());
    this.show();
  }

  /** Shows all that follows from tools and project. */
  show() {
    const { tool, hasMask, canUndo } = this.#tools;
    const { current } = this.#project;
    for (const name of TOOLS) button(`tool-${name}`).ariaPressed = String(name === tool);
    brushSize.value = String(this.#tools.brushSize);
    byId("brush-size-value", HTMLOutputElement).value = `${this.#tools.brushSize} px`;
    const count = current?.labels.objects;
    byId("object-count", HTMLOutputElement).value = count === undefined ? "–" : count.toLocaleString("en");
    byId("object-count-label", HTMLElement).textContent = count === 1 ? "object" : "objects";
    button("accept-mask").disabled = !hasMask;
    button("undo-label").disabled = !canUndo;
    button("open-labels").disabled = !current || this.#reading;
    button("use-sample-labels").hidden = current?.source.kind !== "sample";
    button("use-sample-labels").disabled = this.#reading;
    button("download-labels").disabled = !current?.labels.objects;
    const unsaved = byId("labels-unsaved", HTMLElement);
    unsaved.textContent = this.#project.unsaved ?? "";
    unsaved.hidden = !this.#project.unsaved;
    this.#showList();
  }

  /** Labels that replace those of the open image. @param {() => Promise<Uint32Array>} read */
  async #take(read) {
    const { current } = this.#project;
    if (!current || this.#reading) return;
    this.#reading = true;
    this.show();
    try {
      const ids = await read();
      if (this.#project.current !== current) throw new Error("Another image was opened before the labels were read; open them again for theirs.");
      if (ids.length !== current.labels.ids.length) throw new Error("The labels are of another size than the image.");
      this.#tools.replaceLabels(ids);
    } catch (error) {
      this.#actions.failed(error);
    }
    this.#reading = false;
    this.show();
  }

  #download() {
    const { current } = this.#project;
    if (!current) return;
    const { ids, width, height } = current.labels;
    this.#actions.download(ids, width, height);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.altKey || isTyping(event.target)) return;
    const action = this.#actionOf(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  #actionOf({ key, target, ctrlKey, metaKey, shiftKey }) {
    const tools = this.#tools;
    if (ctrlKey || metaKey) return key === "z" && !shiftKey ? () => tools.undo() : undefined;
    if (key === "Enter" && takesEnter(target)) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      Enter: () => tools.accept(),
      Delete: () => this.#removePointed(),
      p: () => tools.setTool("prompt"),
      d: () => tools.setTool("draw"),
      e: () => tools.setTool("erase"),
      ",": () => tools.stepBrushSize(false),
      ".": () => tools.stepBrushSize(true),
    };
    return actions[key];
  }

  #removePointed() {
    const point = this.#actions.pointed();
    if (point) this.#tools.removeAt(point);
  }

  #showList() {
    const { labelled, current } = this.#project;
    const shown = JSON.stringify([current?.id, labelled.map(({ id, objects, heldOut }) => [id, objects, heldOut])]);
    if (shown === this.#listed) return;
    this.#listed = shown;
    const focused = document.activeElement?.id;
    const items = labelled.map((image) => this.#item(image, labelled.length > 1));
    byId("training-set", HTMLElement).replaceChildren(...items);
    byId("training-set-note", HTMLElement).textContent = describe(labelled);
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {LabelledImage} image @param {boolean} several */
  #item(image, several) {
    const { id, name, source } = image;
    const open = this.#project.current?.id === id;
    const openButton = make(
      "button",
      { type: "button", id: `open-${id}`, ariaLabel: `Open ${name}`, disabled: open, onclick: () => this.#actions.open(source) },
      open ? "Shown" : "Open",
    );
    const removeButton = make(
      "button",
      { type: "button", id: `remove-${id}`, ariaLabel: `Remove the labels of ${name}`, onclick: () => this.#remove(image) },
      "Remove",
    );
    return make(
      "li",
      {},
      make("p", { className: "item-title" }, make("strong", { title: name }, name), make("span", { className: "badge" }, objects(image.objects))),
      make("div", { className: "buttons" }, ...(several ? [this.#heldOutSelect(image)] : []), openButton, removeButton),
    );
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
      // A refused choice is shown as it was.
      this.#listed = "";
      this.#project.setHeldOut(id, select.value === "held-out");
    };
    return select;
  }

  /** @param {LabelledImage} image */
  #remove({ id, name, objects: count, ids }) {
    if (!confirm(`Remove ${name} and its labels (${objects(count)}) from the training set?`)) return;
    // Those of the open image can be had back by undo.
    if (this.#project.current?.id === id) this.#tools.replaceLabels(new Uint32Array(ids.length));
    else this.#project.remove(id);
  }
}

/** @param {LabelledImage[]} labelled */
function describe(labelled) {
  if (labelled.length === 0) return "Images with labelled objects appear here.";
  if (labelled.length === 1) return "With a single image, a part of its objects is held out.";
  return "Held-out images judge the training and are not trained on.";
}
