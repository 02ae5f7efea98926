// The pages of a stack: which one is shown, and going to others.

import { byId, isTyping } from "./dom.js";

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);

export class PagesControl {
  #actions;
  #page = 0;
  #pages = 1;

  /** @param {{open: (page: number) => unknown, carry: (page: number) => unknown}} actions pages count from 0 */
  constructor(actions) {
    this.#actions = actions;
    button("page-previous").onclick = () => this.#step(-1);
    button("page-next").onclick = () => this.#step(1);
    button("carry").onclick = () => this.#carry();
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {ImageInfo} info */
  setImage({ page, pages }) {
    this.#page = page;
    this.#pages = pages;
    byId("pages", HTMLElement).hidden = pages < 2;
    byId("page-count", HTMLOutputElement).value = `Page ${page + 1} of ${pages.toLocaleString("en")}`;
    button("page-previous").disabled = page === 0;
    button("page-next").disabled = page + 1 >= pages;
    button("carry").disabled = page + 1 >= pages;
  }

  /** @param {number} step */
  #step(step) {
    const page = this.#page + step;
    if (page >= 0 && page < this.#pages) this.#actions.open(page);
  }

  #carry() {
    if (this.#page + 1 < this.#pages) this.#actions.carry(this.#page + 1);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || this.#pages < 2) return;
    if (event.key === "PageUp") this.#step(-1);
    else if (event.key === "PageDown") this.#step(1);
    else if (event.key === "c") this.#carry();
    else return;
    event.preventDefault();
  }
}
