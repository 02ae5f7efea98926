// The list of the project's images, with their thumbnails and how far they are.

import { byId, isTyping, make, objects } from "./dom.js";
import { objectsOf } from "./project.js";

/** @typedef {import("./project.js").Project} Project */
/** @typedef {import("./project.js").ProjectImage} ProjectImage */

const panel = byId("images-panel", HTMLElement);
const list = byId("images", HTMLUListElement);
const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);

/**
 * @typedef {object} ImagesActions
 * @property {(image: ProjectImage) => void} open
 * @property {(image: ProjectImage, done: boolean) => void} setDone
 * @property {(image: ProjectImage) => void} remove
 */

export class ImagesPanel {
  #project;
  #actions;
  /** What each item shows, so that it is built anew only when that changes. @type {Map<string, {shown: string, item: HTMLLIElement, address: string}>} */
  #items = new Map();
  /** The image that was brought into view. @type {ProjectImage | undefined} */
  #revealed;

  /** @param {Project} project @param {ImagesActions} actions */
  constructor(project, actions) {
    this.#project = project;
    this.#actions = actions;
    button("previous-image").onclick = () => this.step(-1);
    button("next-image").onclick = () => this.step(1);
    button("done-image").onclick = () => this.#doneAndNext();
    button("remove-image").onclick = () => project.current && actions.remove(project.current);
    document.addEventListener("keydown", (event) => this.#key(event));
    project.onChange(() => this.show());
  }

  show() {
    const { images, current } = this.#project;
    panel.hidden = images.length < 2;
    button("previous-image").disabled = !this.#project.beside(-1);
    button("next-image").disabled = !this.#project.beside(1);
    button("done-image").disabled = !current;
    button("remove-image").disabled = !current;
    const done = images.filter((image) => image.done).length;
    byId("images-count", HTMLElement).textContent = `${done.toLocaleString("en")} of ${images.length.toLocaleString("en")} done`;
    for (const [id, { item, address }] of this.#items) {
      if (images.some((image) => image.id === id)) continue;
      item.remove();
      URL.revokeObjectURL(address);
      this.#items.delete(id);
    }
    images.forEach((image, i) => {
      const item = this.#itemOf(image);
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
    });
    if (current && current !== this.#revealed) this.#items.get(current.id)?.item.scrollIntoView({ block: "nearest" });
    this.#revealed = current;
  }

  /** Opens a neighbour of the open image. @param {number} step */
  step(step) {
    const image = this.#project.beside(step);
    if (image) this.#actions.open(image);
  }

  #doneAndNext() {
    const { current } = this.#project;
    if (!current) return;
    this.#actions.setDone(current, true);
    this.step(1);
  }

  /** @param {ProjectImage} image */
  #itemOf(image) {
    const { id, done, thumbnail, source } = image;
    const name = source.page ? `${image.name}, page ${source.page + 1}` : image.name;
    const count = objectsOf(image);
    const open = image === this.#project.current;
    const shown = JSON.stringify([count, done, open, thumbnail?.size]);
    const known = this.#items.get(id);
    if (known?.shown === shown) return known.item;
    const address = known?.address || (thumbnail ? URL.createObjectURL(thumbnail) : "");
    const picture = make("img", { alt: "", width: 96, height: 72, loading: "lazy" });
    if (address) picture.src = address;
    const opener = make(
      "button",
      { type: "button", id: `image-${id}`, className: "thumbnail", title: name, onclick: () => this.#actions.open(image) },
      picture,
      make("span", { className: "thumbnail-name" }, name),
      make("span", { className: "note" }, objects(count)),
    );
    if (open) opener.ariaCurrent = "true";
    const check = make("input", { type: "checkbox", id: `done-${id}`, checked: done });
    check.onchange = () => this.#actions.setDone(image, check.checked);
    const item = known?.item ?? make("li");
    const focused = document.activeElement?.id;
    item.className = open ? "open" : "";
    item.replaceChildren(opener, make("label", {}, check, " Done"));
    if (focused && item.contains(document.getElementById(focused))) document.getElementById(focused)?.focus();
    this.#items.set(id, { shown, item, address });
    return item;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { key, ctrlKey, metaKey, altKey, shiftKey, target, defaultPrevented } = event;
    if (defaultPrevented || altKey || isTyping(target)) return;
    if ((ctrlKey || metaKey) && key === "Enter") this.#doneAndNext();
    else if (!ctrlKey && !metaKey && key.toLowerCase() === "n") this.step(shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  }
}
