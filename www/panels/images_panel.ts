// The list of the project's images, with their thumbnails and how far they are.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ProjectImage } from "../document/project.js";
import { byId, make, objects } from "./dom.js";
import { count } from "./drawn.js";
import { LongList } from "./long_list.js";

const panel = byId("images-panel", HTMLElement);
const listed = byId("images", HTMLUListElement);
const doneCount = byId("images-count", HTMLElement);

/** Milliseconds that an item is there before its thumbnail is read: those that are scrolled past never are. */
const PASSING = 80;

export class ImagesPanel {
  #project;
  #images;
  #navigation;
  #thumbnails;
  #list = new LongList<ProjectImage>(listed, listed, {
    keyOf: ({ id }) => id,
    shown: (image) =>
      JSON.stringify([image.objectCount, image.done, this.#isOpen(image), image.thumbnail !== undefined, this.#problemOf(image)]),
    build: (image, element) => this.#build(image, element),
    removed: (_, id) => this.#revoke(id),
  });
  /** Of the thumbnails, by their images' ids. */
  #addresses = new Map<string, string>();
  /** The image that was brought into view last. */
  #revealed: ProjectImage | undefined;

  constructor({ project, images, navigation, session }: Workbench) {
    this.#project = project;
    this.#images = images;
    this.#navigation = navigation;
    this.#thumbnails = session.thumbnails;
    effect(() => this.#show());
  }

  #show() {
    count("images");
    const [images, current] = [this.#project.images.value, this.#project.current.value];
    void this.#thumbnails.unreadable.value;
    panel.hidden = images.length < 2;
    const done = images.filter((image) => image.done).length;
    doneCount.textContent = `${done.toLocaleString("en")} of ${images.length.toLocaleString("en")} done`;
    this.#list.show(images);
    if (current && current !== this.#revealed) this.#list.reveal(current.id);
    this.#revealed = current;
  }

  #isOpen(image: ProjectImage) {
    return image === this.#project.current.peek();
  }

  /** Why it cannot be opened. */
  #problemOf(image: ProjectImage) {
    return this.#isOpen(image) || image.thumbnail ? undefined : this.#thumbnails.unreadable.peek().get(image.id);
  }

  #build(image: ProjectImage, element: HTMLLIElement) {
    const { id, source, done } = image;
    const name = source.page ? `${image.name}, page ${source.page + 1}` : image.name;
    const open = this.#isOpen(image);
    const problem = this.#problemOf(image);
    const title = problem ? `${name}: ${problem}` : name;
    const picture = make("img", { alt: "", width: 96, height: 72, loading: "lazy" });
    void this.#showPicture(image, picture);
    const opener = make(
      "button",
      { type: "button", id: `image-${id}`, className: "thumbnail", title, onclick: () => this.#navigation.open(image.source) },
      picture,
      make("span", { className: "thumbnail-name" }, name),
      make("span", { className: "note" }, problem ?? objects(image.objectCount)),
    );
    if (open) opener.ariaCurrent = "true";
    const check = make("input", { type: "checkbox", id: `done-${id}`, checked: done });
    check.onchange = () => this.#images.setDone(image, check.checked);
    element.className = open ? "open" : "";
    return [opener, make("label", {}, check, " Done")];
  }

  async #showPicture(image: ProjectImage, picture: HTMLImageElement) {
    const { id, thumbnail } = image;
    if (thumbnail && !this.#addresses.has(id)) {
      await new Promise((resolve) => setTimeout(resolve, PASSING));
      if (!this.#list.elementOf(id)) return;
      const read = thumbnail instanceof Blob ? thumbnail : await this.#thumbnails.read(image, thumbnail);
      // The item may be gone by then, or built once more.
      if (!read || !this.#list.elementOf(id)) return;
      if (!this.#addresses.has(id)) this.#addresses.set(id, URL.createObjectURL(read));
    }
    const address = this.#addresses.get(id);
    if (address) picture.src = address;
  }

  #revoke(id: string) {
    const address = this.#addresses.get(id);
    if (address) URL.revokeObjectURL(address);
    this.#addresses.delete(id);
  }
}
