// The list of models: the one of the page and those of the catalogue, downloaded or not.

import { batch, computed, effect, signal, untracked } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { CatalogueEntry, ModelSource, StoredModel } from "../document/types.js";
import { byId, make } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";
import type { StorageUse } from "./storage_use.js";

const CATALOGUE = new URL("../catalogue.json", import.meta.url);
const DEFAULT_ID = "mobile-sam";

interface Download {
  fraction: number;
  cancel(): void;
}

/** A model of the list. */
interface Item {
  id: string;
  /** Undefined: it comes with the page. */
  entry: CatalogueEntry | undefined;
}

function megabytes(bytes: number) {
  return `${Math.round(bytes / 1e6)} MB`;
}

function idOf(source: ModelSource) {
  return source.kind === "stored" ? source.entry.id : source.kind === "default" ? DEFAULT_ID : "";
}

export class ModelsPanel {
  #bench;
  #storageUse;
  #entries = signal<readonly CatalogueEntry[]>([]);
  #stored = signal<readonly StoredModel[]>([]);
  /** Those that were downloaded and could not be stored, by their ids. */
  #here = signal<ReadonlyMap<string, Blob>>(new Map());
  /** Those under way, by the models' ids. */
  #downloads = signal<ReadonlyMap<string, Download>>(new Map());
  /** The id of the model in use. */
  #used = computed(() => {
    const { info, source } = this.#bench.session.model;
    return info.value ? idOf(source.value) : "";
  });
  #list = new KeyedList<Item>(byId("models", HTMLUListElement), {
    keyOf: ({ id }) => id,
    shown: ({ id, entry }) => JSON.stringify([this.#used.value === id, entry && this.#stateOf(entry)]),
    build: ({ entry }) => (entry ? this.#build(entry) : this.#buildDefault()),
  });

  constructor(bench: Workbench, storageUse: StorageUse) {
    this.#bench = bench;
    this.#storageUse = storageUse;
    effect(() => this.#show());
    effect(() => {
      const { engine } = bench.session.scheduler;
      if (engine) untracked(() => void this.#refresh());
    });
    void this.#fetchCatalogue();
  }

  async #fetchCatalogue() {
    try {
      const response = await fetch(CATALOGUE);
      this.#entries.value = await response.json();
    } catch {
      this.#bench.notices.tell("The list of further models could not be read; reload the page to try again.");
    }
  }

  /** Reads what is stored. @param ended the id of a model whose download has ended */
  async #refresh(ended?: string) {
    // Without storage nothing is stored; a download says why.
    const stored = await this.#readStored().catch(() => []);
    batch(() => {
      this.#stored.value = stored;
      if (ended) this.#setDownload(ended, undefined);
    });
  }

  async #readStored() {
    return this.#bench.session.request("listModels", []).done;
  }

  #setDownload(id: string, download: Download | undefined) {
    const downloads = new Map(this.#downloads.peek());
    if (download) downloads.set(id, download);
    else downloads.delete(id);
    this.#downloads.value = downloads;
  }

  #show() {
    count("models");
    const further = this.#entries.value.map((entry): Item => ({ id: entry.id, entry }));
    this.#list.show([{ id: DEFAULT_ID, entry: undefined }, ...further]);
  }

  #buildDefault() {
    return [
      this.#title(DEFAULT_ID, "MobileSAM", "comes with the page"),
      make("p", {}, "Small and quick; its masks are close to those of SAM ViT-B."),
      make("div", { className: "buttons" }, this.#useButton(DEFAULT_ID, "MobileSAM", { kind: "default" })),
    ];
  }

  #build(entry: CatalogueEntry) {
    const { id, name, description, licence, licence_url } = entry;
    const download = this.#downloads.value.get(id);
    const link = make("a", { href: licence_url, target: "_blank", rel: "noreferrer noopener" }, `${licence} licence`);
    const parts = [this.#title(id, name, this.#stateOf(entry)), make("p", {}, description, " ", link)];
    if (download) parts.push(make("progress", { id: `progress-${id}`, value: download.fraction, ariaLabel: `Download of ${name}` }));
    return [...parts, make("div", { className: "buttons" }, ...this.#buttons(entry, download))];
  }

  #title(id: string, name: string, state: string): HTMLElement {
    const badge = make("span", { className: "badge", id: `state-${id}` }, this.#used.value === id ? "in use" : state);
    return make("p", { className: "model-title" }, make("strong", {}, name), badge);
  }

  #storedOf({ sha256 }: CatalogueEntry) {
    return this.#stored.value.find((stored) => stored.sha256 === sha256);
  }

  #stateOf(entry: CatalogueEntry) {
    if (this.#downloads.value.has(entry.id)) return "downloading";
    const here = this.#here.value.get(entry.id);
    if (here) return `here for this visit, ${megabytes(here.size)}`;
    const stored = this.#storedOf(entry);
    if (stored?.verified) return `downloaded, ${megabytes(stored.bytes)}`;
    const size = entry.bytes ? ` of ${megabytes(entry.bytes)}` : "";
    if (stored && stored.bytes > 0) return `${megabytes(stored.bytes)}${size} here`;
    return entry.bytes ? megabytes(entry.bytes) : "about 375 MB";
  }

  #buttons(entry: CatalogueEntry, download: Download | undefined) {
    if (download) return [this.#button("cancel-download", entry, "Cancel", () => download.cancel())];
    const file = this.#here.value.get(entry.id);
    if (file) return [this.#useButton(entry.id, entry.name, { kind: "stored", entry, file })];
    const stored = this.#storedOf(entry);
    const remove = this.#button("delete", entry, "Delete", () => void this.#remove(entry));
    if (stored?.verified) return [this.#useButton(entry.id, entry.name, { kind: "stored", entry }), remove];
    const part = stored !== undefined && stored.bytes > 0;
    const get = this.#button("download", entry, part ? "Resume" : "Download", () => void this.#download(entry));
    return part ? [get, remove] : [get];
  }

  #button(action: string, { id, name }: CatalogueEntry, text: string, onclick: () => void) {
    return make("button", { type: "button", id: `${action}-${id}`, ariaLabel: `${text} ${name}`, onclick }, text);
  }

  #useButton(id: string, name: string, source: ModelSource) {
    const onclick = () => this.#bench.files.openModel(source);
    const disabled = this.#used.value === id;
    return make("button", { type: "button", id: `use-${id}`, ariaLabel: `Use ${name}`, disabled, onclick }, "Use");
  }

  async #download(entry: CatalogueEntry) {
    // So that the browser does not clear a large download by itself.
    void this.#storageUse.persist();
    try {
      const running = this.#bench.session.request("downloadModel", [entry], (fraction) => this.#progress(entry, fraction));
      this.#setDownload(entry.id, { fraction: 0, cancel: running.cancel });
      document.getElementById(`cancel-download-${entry.id}`)?.focus();
      const done = await running.done;
      if (done instanceof Blob) this.#here.value = new Map(this.#here.peek()).set(entry.id, done);
    } catch (error) {
      const address = new URL(entry.addresses[0], CATALOGUE).href;
      this.#bench.session.fail(error, { text: address, address });
    }
    await this.#refresh(entry.id);
  }

  #progress({ id }: CatalogueEntry, fraction: number) {
    const download = this.#downloads.peek().get(id);
    const bar = document.getElementById(`progress-${id}`);
    if (download) download.fraction = fraction;
    if (bar instanceof HTMLProgressElement) bar.value = fraction;
  }

  async #remove(entry: CatalogueEntry) {
    try {
      await this.#bench.session.request("removeModel", [entry.sha256]).done;
    } catch (error) {
      this.#bench.session.fail(error);
    }
    await this.#refresh();
  }
}
