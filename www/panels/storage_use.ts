// How much of the browser's storage is in use, and whether the browser may clear it by itself.

import { nothingKeptSentence } from "../session/nothing_kept.js";
import { byId } from "./dom.js";

const line = byId("storage-use", HTMLElement);
/** Milliseconds after the last change until the use is read: reading it takes the browser a while. */
const PATIENCE = 1000;
/** The share of the quota from which on the line is a warning. */
const NEARLY_FULL = 0.9;

function inWords(bytes: number) {
  const megabytes = bytes / 1e6;
  if (megabytes < 1000) return `${megabytes.toLocaleString("en", { maximumFractionDigits: megabytes < 10 ? 1 : 0 })} MB`;
  return `${(megabytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} GB`;
}

export class StorageUse {
  #timer: number | undefined;

  /** Something was stored or removed. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#show(), PATIENCE);
  }

  /** Asks the browser not to clear the storage by itself. */
  async persist() {
    // A refusal is no failure.
    await navigator.storage?.persist?.().catch(() => {});
    this.changed();
  }

  async #show() {
    const absence = await nothingKeptSentence();
    line.classList.toggle("warning", absence !== undefined);
    line.textContent = absence ?? "";
    if (absence) return;
    try {
      const { usage = 0, quota = 0 } = await navigator.storage.estimate();
      const kept = (await navigator.storage.persisted()) ? "kept until you remove it" : "the browser may clear it when the disk is full";
      line.textContent = `Stored in this browser: ${inWords(usage)} of ${inWords(quota)}; ${kept}.`;
      line.classList.toggle("warning", usage > NEARLY_FULL * quota);
    } catch {
      line.textContent = "";
    }
  }
}
