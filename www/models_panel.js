// The list of models: the one of the page and those of the catalogue, downloaded or not.

import { make } from "./dom.js";

/**
 * @typedef {object} ModelActions
 * @property {() => Promise<StoredModel[]>} list
 * @property {(source: ModelSource) => void} use
 * @property {(entry: CatalogueEntry, progress: (fraction: number) => void) => import("./engine_client.js").Running<boolean>} download
 * @property {(entry: CatalogueEntry) => Promise<void>} remove
 * @property {(error: unknown, link?: {text: string, address: string}) => void} failed
 */

/** @param {number} bytes */
function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** @param {ModelSource} source */
function idOf(source) {
  return source.kind === "stored" ? source.entry.id : source.kind === "default" ? "mobile-sam" : "";
}

export class ModelsPanel {
  #list;
  #actions;
  /** @type {CatalogueEntry[]} */
  #entries = [];
  /** @type {StoredModel[]} */
  #stored = [];
  /** @type {Map<string, {fraction: number, cancel: () => void}>} */
  #downloads = new Map();
  #used = "";

  /** @param {HTMLElement} list @param {ModelActions} actions */
  constructor(list, actions) {
    this.#list = list;
    this.#actions = actions;
  }

  /** @param {CatalogueEntry[]} entries */
  async setCatalogue(entries) {
    this.#entries = entries;
    await this.refresh();
  }

  /** Marks the model in use. @param {ModelSource | undefined} source */
  setUsed(source) {
    const used = source ? idOf(source) : "";
    if (used === this.#used) return;
    this.#used = used;
    this.#show();
  }

  /** Reads what is stored. */
  async refresh() {
    try {
      this.#stored = await this.#actions.list();
    } catch {
      // Without storage nothing is stored; a download says why.
      this.#stored = [];
    }
    this.#show();
  }

  #show() {
    const focused = document.activeElement?.id;
    this.#list.replaceChildren(this.#defaultItem(), ...this.#entries.map((entry) => this.#item(entry)));
    if (focused) document.getElementById(focused)?.focus();
  }

  #defaultItem() {
    return make(
      "li",
      {},
      make("p", { className: "model-title" }, make("strong", {}, "MobileSAM"), this.#badge("mobile-sam", "comes with the page")),
      make("p", {}, "Small and quick; its masks are close to those of SAM ViT-B."),
      make("div", { className: "buttons" }, this.#useButton("mobile-sam", "MobileSAM", { kind: "default" })),
    );
  }

  /** @param {CatalogueEntry} entry */
  #item(entry) {
    const stored = this.#stored.find(({ sha256 }) => sha256 === entry.sha256);
    const download = this.#downloads.get(entry.id);
    const licence = make(
      "a",
      { href: entry.licence_url, target: "_blank", rel: "noreferrer noopener" },
      `${entry.licence} licence`,
    );
    const item = make(
      "li",
      {},
      make("p", { className: "model-title" }, make("strong", {}, entry.name), this.#badge(entry.id, this.#stateOf(entry, stored))),
      make("p", {}, entry.description, " ", licence),
    );
    if (download) {
      item.append(
        make("progress", { id: `progress-${entry.id}`, value: download.fraction, ariaLabel: `Download of ${entry.name}` }),
      );
    }
    item.append(make("div", { className: "buttons" }, ...this.#buttons(entry, stored, download)));
    return item;
  }

  /** @param {CatalogueEntry} entry @param {StoredModel | undefined} stored */
  #stateOf(entry, stored) {
    if (this.#downloads.has(entry.id)) return "downloading";
    if (stored?.verified) return `downloaded, ${megabytes(stored.bytes)}`;
    const size = entry.bytes ? ` of ${megabytes(entry.bytes)}` : "";
    if (stored && stored.bytes > 0) return `${megabytes(stored.bytes)}${size} here`;
    return entry.bytes ? megabytes(entry.bytes) : "about 375 MB";
  }

  /** @param {string} id @param {string} text */
  #badge(id, text) {
    return make("span", { className: "badge", id: `state-${id}` }, this.#used === id ? "in use" : text);
  }

  /**
   * @param {CatalogueEntry} entry
   * @param {StoredModel | undefined} stored
   * @param {{cancel: () => void} | undefined} download
   */
  #buttons(entry, stored, download) {
    if (download) return [this.#button("cancel-download", entry, "Cancel", download.cancel)];
    const remove = this.#button("delete", entry, "Delete", () => void this.#remove(entry));
    if (stored?.verified) return [this.#useButton(entry.id, entry.name, { kind: "stored", entry }), remove];
    const part = stored !== undefined && stored.bytes > 0;
    const get = this.#button("download", entry, part ? "Resume" : "Download", () => void this.#download(entry));
    return part ? [get, remove] : [get];
  }

  /** @param {string} action @param {CatalogueEntry} entry @param {string} text @param {() => void} onclick */
  #button(action, entry, text, onclick) {
    return make("button", { type: "button", id: `${action}-${entry.id}`, ariaLabel: `${text} ${entry.name}`, onclick }, text);
  }

  /** @param {string} id @param {string} name @param {ModelSource} source */
  #useButton(id, name, source) {
    return make(
      "button",
      { type: "button", id: `use-${id}`, ariaLabel: `Use ${name}`, disabled: this.#used === id, onclick: () => this.#actions.use(source) },
      "Use",
    );
  }

  /** @param {CatalogueEntry} entry */
  async #download(entry) {
    try {
      const running = this.#actions.download(entry, (fraction) => this.#progress(entry, fraction));
      this.#downloads.set(entry.id, { fraction: 0, cancel: running.cancel });
      this.#show();
      document.getElementById(`cancel-download-${entry.id}`)?.focus();
      await running.done;
    } catch (error) {
      const address = new URL(entry.addresses[0], new URL("./catalogue.json", import.meta.url)).href;
      this.#actions.failed(error, { text: address, address });
    }
    this.#downloads.delete(entry.id);
    await this.refresh();
  }

  /** @param {CatalogueEntry} entry @param {number} fraction */
  #progress(entry, fraction) {
    const download = this.#downloads.get(entry.id);
    const bar = document.getElementById(`progress-${entry.id}`);
    if (download) download.fraction = fraction;
    if (bar instanceof HTMLProgressElement) bar.value = fraction;
  }

  /** @param {CatalogueEntry} entry */
  async #remove(entry) {
    try {
      await this.#actions.remove(entry);
    } catch (error) {
      this.#actions.failed(error);
    }
    await this.refresh();
  }
}
