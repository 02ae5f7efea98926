// The tools, and label files.

import { byId, isTyping, keysToImage, objects } from "./dom.js";
import { TrainingSetList } from "./training_set_list.js";

/** @typedef {import("./history.js").History} History */
/** @typedef {import("./label_tools.js").LabelTools} LabelTools */
/** @typedef {import("./object_editor.js").ObjectEditor} ObjectEditor */
/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./viewer.js").Point} Point */

/** @typedef {{ids: Uint32Array, objects?: Map<number, ObjectAttributes>}} OpenedLabels */

/**
 * @typedef {object} LabelActions
 * @property {(file: File) => Promise<OpenedLabels>} read the objects of a label image or a COCO file
 * @property {() => Promise<OpenedLabels>} sampleLabels
 * @property {(ids: Uint32Array, width: number, height: number) => void} download
 * @property {(id: string) => void} open an image of the project
 * @property {(id: string) => void} clear an image that is not open: its objects go
 * @property {() => void} refine the selected object is to be prompted
 * @property {(shown: boolean) => void} show
 * @property {() => Point | undefined} pointed the image point under pointer or crosshair
 * @property {(error: unknown) => void} failed
 */

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const brushSize = byId("brush-size", HTMLInputElement);
const labelFile = byId("label-file", HTMLInputElement);
const showLabels = byId("show-labels", HTMLInputElement);

/** @type {Tool[]} */
const TOOLS = ["prompt", "select", "draw", "erase", "polygon", "cut"];

/** Where Enter presses, opens or follows. @param {EventTarget | null} target */
function takesEnter(target) {
  return target instanceof Element && target.closest("button, a, summary") !== null;
}

export class LabelsPanel {
  #tools;
  #editor;
  #history;
  #project;
  #actions;
  /** A label image is being read. */
  #reading = false;
  #trainingSet;

  /**
   * @param {LabelTools} tools @param {ObjectEditor} editor @param {History} history @param {Project} project
   * @param {LabelActions} actions
   */
  constructor(tools, editor, history, project, actions) {
    this.#tools = tools;
    this.#editor = editor;
    this.#history = history;
    this.#project = project;
    this.#actions = actions;
    this.#trainingSet = new TrainingSetList(project, { open: actions.open, remove: (image) => this.#remove(image) });
    for (const tool of TOOLS) {
      button(`tool-${tool}`).onclick = (click) => {
        tools.setTool(tool);
        keysToImage(click);
      };
    }
    brushSize.oninput = () => tools.setBrushSize(brushSize.valueAsNumber);
    showLabels.onchange = () => actions.show(showLabels.checked);
    button("accept-mask").onclick = () => tools.accept();
    button("undo-label").onclick = () => this.#undo();
    button("redo").onclick = () => this.#redo();
    button("open-labels").onclick = () => labelFile.click();
    labelFile.onchange = () => {
      const file = labelFile.files?.[0];
      labelFile.value = "";
      if (file) void this.#take("open labels", () => actions.read(file));
    };
    button("use-sample-labels").onclick = () => void this.#take("use the sample's labels", actions.sampleLabels);
    button("download-labels").onclick = () => this.#download();
    document.addEventListener("keydown", (event) => this.#key(event));
    project.onChange(() => this.show());
    this.show();
  }

  /** Shows all that follows from tools and project. */
  show() {
    const { tool, hasMask } = this.#tools;
    const { current } = this.#project;
    for (const name of TOOLS) button(`tool-${name}`).ariaPressed = String(name === tool);
    brushSize.value = String(this.#tools.brushSize);
    byId("brush-size-value", HTMLOutputElement).value = `${this.#tools.brushSize} px`;
    this.#showHistory();
    button("accept-mask").disabled = !hasMask;
    button("open-labels").disabled = !current || this.#reading;
    button("use-sample-labels").hidden = current?.source.kind !== "sample";
    button("use-sample-labels").disabled = this.#reading;
    button("download-labels").disabled = !current?.labels?.objects;
    const unsaved = byId("labels-unsaved", HTMLElement);
    unsaved.textContent = this.#project.unsaved ?? "";
    unsaved.hidden = !this.#project.unsaved;
    this.#trainingSet.show();
  }

  #showHistory() {
    const { last, next } = this.#history;
    button("undo-label").disabled = last === undefined;
    button("undo-label").title = last ? `Undo: ${last} (Ctrl+Z)` : "Undo (Ctrl+Z)";
    button("redo").disabled = next === undefined;
    button("redo").title = next ? `Redo: ${next} (Ctrl+Shift+Z)` : "Redo (Ctrl+Shift+Z)";
  }

  #undo() {
    // A stroke in hand would be taken back by parts.
    this.#tools.endStroke();
    void this.#history.undo();
  }

  #redo() {
    this.#tools.endStroke();
    void this.#history.redo();
  }

  /** Labels that replace those of the open image. @param {string} what @param {() => Promise<OpenedLabels>} read */
  async #take(what, read) {
    const { current } = this.#project;
    if (!current || this.#reading) return;
    this.#reading = true;
    this.show();
    try {
      const { ids, objects } = await read();
      if (this.#project.current !== current) throw new Error("Another image was opened before the labels were read; open them again for theirs.");
      if (ids.length !== current.width * current.height) throw new Error("The labels are of another size than the image.");
      this.#tools.endStroke();
      this.#editor.replace(what, ids, objects);
    } catch (error) {
      this.#actions.failed(error);
    }
    this.#reading = false;
    this.show();
  }

  #download() {
    const { labels } = this.#editor;
    if (labels) this.#actions.download(labels.ids, labels.width, labels.height);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.altKey || isTyping(event.target)) return;
    const action = event.ctrlKey || event.metaKey ? this.#controlOf(event) : this.#actionOf(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  #controlOf({ key, shiftKey }) {
    const letter = key.toLowerCase();
    if (letter === "z") return () => (shiftKey ? this.#redo() : this.#undo());
    if (letter === "y") return () => this.#redo();
    if (letter === "a") return () => this.#editor.selectOnly(this.#editor.labels?.numbers ?? []);
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  #actionOf({ key, target }) {
    const [tools, editor] = [this.#tools, this.#editor];
    if (key === "Enter" && takesEnter(target)) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      Enter: () => tools.accept(),
      Delete: () => this.#delete(),
      p: () => tools.setTool("prompt"),
      v: () => tools.setTool("select"),
      d: () => tools.setTool("draw"),
      e: () => tools.setTool("erase"),
      g: () => tools.setTool("polygon"),
      x: () => tools.setTool("cut"),
      f: () => editor.fillHoles(),
      s: () => editor.smooth(),
      t: () => editor.split(),
      m: () => editor.merge(),
      r: () => this.#actions.refine(),
      ",": () => tools.stepBrushSize(false),
      ".": () => tools.stepBrushSize(true),
    };
    const selects = /^[fstmr]$/.test(key);
    return selects && editor.selection.size === 0 ? undefined : actions[key];
  }

  /** The selected objects, or else the one under the pointer. */
  #delete() {
    this.#tools.endStroke();
    const { selection, labels } = this.#editor;
    const point = this.#actions.pointed();
    const pointed = point && labels?.idAt(point);
    this.#editor.remove(selection.size > 0 ? selection : pointed ? [pointed] : []);
  }

  /** @param {LabelledImage} image */
  #remove({ id, name, objects: count, width, height }) {
    if (!confirm(`Remove the labels of ${name} (${objects(count)})?`)) return;
    if (this.#project.current?.id === id) this.#editor.replace("remove all labels", new Uint32Array(width * height));
    else this.#actions.clear(id);
  }
}
