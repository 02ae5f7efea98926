// Files on their way in: chosen, dropped or pasted; single ones, several, or a folder of images.

import { byId } from "./dom.js";

const MODEL_FILE = /\.(safetensors|pth)$/i;
const IMAGE_FILE = /\.(png|jpe?g|tiff?|bmp|webp|dcm)$/i;
const root = document.documentElement;

/**
 * @typedef {object} OpeningActions
 * @property {(source: ModelSource) => void} openModel
 * @property {(sources: ImageSource[]) => void} openImages in the order of their names
 * @property {(sentence: string) => void} failed
 */

/** All files below an entry of what was dropped. @param {FileSystemEntry} entry @returns {Promise<File[]>} */
async function filesBelow(entry) {
  if (entry.isFile) {
    return [await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject))];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const files = [];
  // Each read gives a part of the folder, the last one nothing.
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...(await filesBelow(inner)));
  }
}

export class Opening {
  #actions;

  /** @param {OpeningActions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#offer("image", (files) => this.#open(files));
    this.#offer("model", ([file]) => file && actions.openModel({ kind: "file", file }));
    this.#offer("folder", (files) => this.#openFolder(files));
    document.addEventListener("paste", (event) => this.#open(event.clipboardData?.files ?? []));
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("dragging");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) root.classList.remove("dragging");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      root.classList.remove("dragging");
      if (event.dataTransfer) void this.#drop(event.dataTransfer);
    });
  }

  /** A button and the file input behind it. @param {"image" | "model" | "folder"} what @param {(files: File[]) => void} open */
  #offer(what, open) {
    const input = byId(what === "folder" ? "image-folder" : `${what}-file`, HTMLInputElement);
    byId(`open-${what}`, HTMLButtonElement).onclick = () => input.click();
    input.addEventListener("change", () => {
      open([...(input.files ?? [])]);
      // The same file can be chosen again.
      input.value = "";
    });
  }

  /** A model, an image, or several images. @param {Iterable<File>} files */
  #open(files) {
    const all = [...files];
    const model = all.find(({ name }) => MODEL_FILE.test(name));
    if (model) this.#actions.openModel({ kind: "file", file: model });
    /** @type {ImageSource[]} */
    const sources = all
      .filter(({ name }) => !MODEL_FILE.test(name))
      .map((file) => ({ kind: "file", name: file.name || "pasted image", file }));
    sources.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    if (sources.length > 0) this.#actions.openImages(sources);
  }

  /** Those of a folder that are images. @param {File[]} files */
  #openFolder(files) {
    const found = files.filter(({ name }) => IMAGE_FILE.test(name));
    if (found.length > 0) this.#open(found);
    else this.#actions.failed("There is no image in this folder; choose one with PNG, JPEG, TIFF, BMP, WebP or DICOM files.");
  }

  /** @param {DataTransfer} dropped */
  async #drop(dropped) {
    // Once this returns to the browser, what was dropped can no longer be asked for.
    const files = [...dropped.files];
    const entries = [...dropped.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
    if (!entries.some((entry) => entry.isDirectory)) return this.#open(files);
    try {
      this.#openFolder((await Promise.all(entries.map(filesBelow))).flat());
    } catch {
      this.#actions.failed("The folder could not be read; open it with the button “Open folder…” instead.");
    }
  }
}
