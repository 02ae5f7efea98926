// Files on their way in: chosen, dropped or pasted; single ones, several, or a folder of images.

import type { Workbench } from "../commands/workbench.js";
import { imagesOf, MODEL_FILE } from "../document/image_files.js";
import type { ImageSource } from "../document/types.js";
import { byId } from "./dom.js";

const PROJECT_FILE = /\.zip$/i;
const root = document.documentElement;

/** Where files of a dropped folder are in it; for those of a chosen one the browser tells it. */
const paths = new WeakMap<File, string>();

function sourceOf(file: File): ImageSource {
  const path = paths.get(file) || file.webkitRelativePath || undefined;
  return { kind: "file", name: file.name || "pasted image", file, path };
}

/** All files below an entry of what was dropped. */
async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    // A chosen folder's paths begin without a slash.
    paths.set(file, entry.fullPath.replace(/^\//, ""));
    return [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  // Each read gives a part of the folder, the last one nothing.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return files;
    for (const inner of entries) files.push(...(await filesBelow(inner)));
  }
}

export class FileIntake {
  #files;
  #projectFiles;
  #notices;

  constructor({ files, projectFiles, notices }: Workbench) {
    this.#files = files;
    this.#projectFiles = projectFiles;
    this.#notices = notices;
    this.#offer("open-image", "image-file", (chosen) => this.#open(chosen));
    this.#offer("open-model", "model-file", (chosen) => this.#openModel(chosen));
    this.#offer("open-folder", "image-folder", (chosen) => void this.#openFolder(chosen));
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

  /** A button and the file input behind it. */
  #offer(button: string, field: string, open: (files: File[]) => void) {
    const input = byId(field, HTMLInputElement);
    byId(button, HTMLButtonElement).onclick = () => input.click();
    input.addEventListener("change", () => {
      open([...(input.files ?? [])]);
      // The same file can be chosen again.
      input.value = "";
    });
  }

  /** Opens a project, or a model, an image, or several images. */
  #open(files: Iterable<File>) {
    const all = [...files];
    const project = all.find(({ name }) => PROJECT_FILE.test(name));
    if (project) return void this.#projectFiles.open(project);
    this.#openModel(all.filter(({ name }) => MODEL_FILE.test(name)));
    const sources = all.filter(({ name }) => !MODEL_FILE.test(name)).map(sourceOf);
    sources.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    if (sources.length > 0) void this.#files.openImages(sources);
  }

  /** Opens a model, which may come with a decoder of instances in another file, in whatever order. */
  #openModel([file, decoder]: File[]) {
    if (file) this.#files.openModel({ kind: "file", file, decoder });
  }

  /** Opens those of a folder's files that are images, by their endings or as their content tells. */
  async #openFolder(files: File[]) {
    const found = await imagesOf(files);
    if (found.length > 0) this.#open(found);
    else this.#notices.tell("There is no image in this folder; choose one with PNG, JPEG, TIFF, BMP, WebP or DICOM files.");
  }

  async #drop(dropped: DataTransfer) {
    // Once this returns to the browser, what was dropped can no longer be asked for.
    const files = [...dropped.files];
    const entries = [...dropped.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
    if (!entries.some((entry) => entry.isDirectory)) return this.#open(files);
    try {
      await this.#openFolder((await Promise.all(entries.map(filesBelow))).flat());
    } catch {
      this.#notices.tell("The folder could not be read; open it with the button “Open folder…” instead.");
    }
  }
}
