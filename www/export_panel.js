// Objects as files for other tools, of one image or of the project.

import { byId } from "./dom.js";
import { objectsOf, runsOf } from "./project.js";
import { unpack } from "./runs.js";

/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./project.js").ProjectImage} ProjectImage */
/** @typedef {import("./session.js").Session} Session */

const button = byId("export", HTMLButtonElement);
const format = byId("export-format", HTMLSelectElement);
const what = byId("export-what", HTMLSelectElement);
const progress = byId("export-progress", HTMLProgressElement);

export class ExportPanel {
  #project;
  #session;
  #actions;
  #running = false;

  /**
   * @param {Project} project @param {Session} session
   * @param {{save: (file: Blob, name: string) => void, failed: (error: unknown) => void}} actions
   */
  constructor(project, session, actions) {
    this.#project = project;
    this.#session = session;
    this.#actions = actions;
    button.onclick = () => void this.#export();
    what.onchange = () => this.show();
    project.onChange(() => this.show());
  }

  show() {
    button.disabled = this.#running || this.#images.length === 0;
    progress.hidden = !this.#running;
  }

  /** Those that are to be exported. */
  get #images() {
    const { images, current } = this.#project;
    return (what.value === "all" ? images : current ? [current] : []).filter((image) => objectsOf(image) > 0);
  }

  async #export() {
    const images = this.#images;
    this.#running = true;
    progress.value = 0;
    this.show();
    try {
      const { classes } = this.#project;
      await this.#session.request("beginExport", [format.value, classes]).done;
      for (const [place, image] of images.entries()) {
        await this.#add(image);
        progress.value = (place + 1) / images.length;
      }
      const { suffix, file } = await this.#session.request("finishExport", []).done;
      const stem = images.length === 1 ? images[0].name.replace(/\.[^.]*$/, "") : "graysam";
      this.#actions.save(file, stem + suffix);
    } catch (error) {
      this.#actions.failed(error);
    }
    this.#running = false;
    this.show();
  }

  /** @param {ProjectImage} image */
  async #add(image) {
    const { name, source, width, height } = image;
    const place = (/** @type {string | null} */ id) => {
      const found = this.#project.classes.findIndex((one) => one.id === id);
      return found < 0 ? null : found;
    };
    const objects = [...image.objects].map(([id, { name, classId, iou }]) => ({ id, name, class: place(classId), iou }));
    const ids = unpack(runsOf(image), width * height);
    await this.#session.request("addToExport", [name, source, ids, width, objects]).done;
  }
}
