// The list of models: the one of the page and those of the catalogue, downloaded or not.

import { batch, computed, effect, signal, untracked } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { filesOf, readCatalogue, type StoredFile } from "../document/catalogue.js";
import type { CatalogueEntry, ModelSource, StoredModel } from "../document/types.js";
import { addressOf } from "../site.js";
import { byId, make } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";
import type { StorageUse } from "./storage_use.js";

const CATALOGUE = addressOf("catalogue.json");
/** Bytes of a file whose size is not known, for the progress. */
const USUAL_SIZE = 100e6;
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

async function read(address: URL): Promise<unknown> {
  if (address.origin !== location.origin) {
    throw new Error(`The catalogue ${address.href} is of another site; put it beside the page and name it with ?catalogue=.`);
  }
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.json();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The list of further models could not be read (${reason}); reload the page to try again.`);
  }
}

function idOf(source: ModelSource) {
  return source.kind === "stored" ? source.entry.id : source.kind === "default" ? DEFAULT_ID : "";
}

export class ModelsPanel {
  #bench;
  #storageUse;
  #entries = signal<readonly CatalogueEntry[]>([]);
  #stored = signal<readonly StoredModel[]>([]);
  /** Files that were downloaded and could not be stored, by their keys. */
  #heldFiles = signal<ReadonlyMap<string, Blob>>(new Map());
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
    const own = new URLSearchParams(location.search).get("catalogue");
    const address = own === null ? CATALOGUE : new URL(own, location.href);
    try {
      this.#entries.value = readCatalogue(await read(address), address);
    } catch (error) {
      this.#bench.notices.fail(error);
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

  #storedOf({ key }: StoredFile) {
    return this.#stored.value.find((stored) => stored.key === key);
  }

  #isWhole(file: StoredFile) {
    return this.#heldFiles.value.has(file.key) || this.#storedOf(file)?.sha256 !== undefined;
  }

  #stateOf(entry: CatalogueEntry) {
    if (this.#downloads.value.has(entry.id)) return "downloading";
    const files = filesOf(entry);
    const sizes = files.map((file) => this.#heldFiles.value.get(file.key)?.size ?? this.#storedOf(file)?.bytes ?? 0);
    const here = megabytes(sizes.reduce((sum, size) => sum + size, 0));
    if (files.every((file) => this.#isWhole(file))) {
      const kept = files.every((file) => this.#storedOf(file));
      return kept ? `downloaded, ${here}` : `here for this visit, ${here}`;
    }
    const known = files.every(({ bytes }) => bytes !== null);
    const whole = megabytes(files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0));
    if (sizes.some((size) => size > 0)) return known ? `${here} of ${whole} here` : `${here} here`;
    return known ? whole : "not downloaded";
  }

  #buttons(entry: CatalogueEntry, download: Download | undefined) {
    if (download) return [this.#button("cancel-download", entry, "Cancel", () => download.cancel())];
    const files = filesOf(entry);
    const [file, decoder] = files.map(({ key }) => this.#heldFiles.value.get(key));
    const remove = this.#button("delete", entry, "Delete", () => void this.#remove(entry));
    const kept = files.some((file) => (this.#storedOf(file)?.bytes ?? 0) > 0);
    if (files.every((file) => this.#isWhole(file))) {
      const use = this.#useButton(entry.id, entry.name, { kind: "stored", entry, file, decoder });
      return kept ? [use, remove] : [use];
    }
    const get = this.#button("download", entry, kept ? "Resume" : "Download", () => void this.#download(entry));
    return kept ? [get, remove] : [get];
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
    const files = filesOf(entry);
    const all = files.reduce((sum, { bytes }) => sum + (bytes ?? USUAL_SIZE), 0);
    let before = 0;
    for (const file of files) {
      const share = (file.bytes ?? USUAL_SIZE) / all;
      const start = before;
      if (!this.#isWhole(file) && !(await this.#downloadFile(entry, file, (fraction) => start + share * fraction))) break;
      before += share;
    }
    await this.#refresh(entry.id);
  }

  /** @param place of a fraction of this file in the whole download @returns whether it is here then */
  async #downloadFile(entry: CatalogueEntry, file: StoredFile, place: (fraction: number) => number) {
    try {
      const running = this.#bench.session.request("downloadModel", [file], (fraction) => this.#progress(entry, place(fraction)));
      this.#setDownload(entry.id, { fraction: place(0), cancel: running.cancel });
      document.getElementById(`cancel-download-${entry.id}`)?.focus();
      const done = await running.done;
      if (done instanceof Blob) this.#heldFiles.value = new Map(this.#heldFiles.peek()).set(file.key, done);
      return done !== false;
    } catch (error) {
      const [address] = file.addresses;
      this.#bench.session.fail(error, { text: address, address });
      return false;
    }
  }

  #progress({ id }: CatalogueEntry, fraction: number) {
    const download = this.#downloads.peek().get(id);
    const bar = document.getElementById(`progress-${id}`);
    if (download) download.fraction = fraction;
    if (bar instanceof HTMLProgressElement) bar.value = fraction;
  }

  async #remove(entry: CatalogueEntry) {
    try {
      for (const { key } of filesOf(entry)) await this.#bench.session.request("removeModel", [key]).done;
    } catch (error) {
      this.#bench.session.fail(error);
    }
    await this.#refresh();
  }
}
