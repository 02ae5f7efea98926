// The list of the project's images, with their thumbnails and how far they are.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ProjectImage } from "../document/project.js";
import { byId, make, objects } from "./dom.js";
import { count } from "./drawn.js";
import { KeyedList } from "./keyed_list.js";

const panel = byId("images-panel", HTMLElement);
const listed = byId("images", HTMLUListElement);
const doneCount = byId("images-count", HTMLElement);

export class ImagesPanel {
  #project;
  #images;
  #navigation;
  #thumbnails;
  #list = new KeyedList<ProjectImage>(listed, {
    keyOf: ({ id }) => id,
    shown: (image) => JSON.stringify([image.objectCount, image.done, this.#isOpen(image), image.thumbnail?.size, this.#problemOf(image)]),
    build: (image, element) => this.#build(image, element),
    removed: (element, id) => {
      this.#inView.unobserve(element);
      this.#revoke(id);
    },
  });
  /** Of the thumbnails, by their images' ids. */
  #addresses = new Map<string, string>();
  /** The pictures of items that have not been near the view. What an item hides while it is far from there never is. */
  #unseen = new WeakMap<Element, { image: ProjectImage; picture: HTMLImageElement }>();
  /** An address takes a way to the browser and back: those of thousands of images would keep the list from opening. */
  #inView = new IntersectionObserver((entries) => entries.forEach((entry) => this.#seen(entry)), { root: listed, rootMargin: "4000px" });
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
    if (current && current !== this.#revealed) this.#list.elementOf(current.id)?.scrollIntoView({ block: "nearest" });
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
    this.#showPicture(image, picture, element);
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

  #showPicture(image: ProjectImage, picture: HTMLImageElement, element: HTMLLIElement) {
    // The list of a single image is hidden.
    const address = panel.hidden ? this.#addressOf(image) : this.#addresses.get(image.id);
    if (address) picture.src = address;
    else if (image.thumbnail) {
      this.#unseen.set(element, { image, picture });
      // One that is observed already is told of only when it moves.
      this.#inView.unobserve(element);
      this.#inView.observe(element);
    }
  }

  #seen({ target, isIntersecting }: IntersectionObserverEntry) {
    const unseen = this.#unseen.get(target);
    if (!isIntersecting || !unseen) return;
    this.#inView.unobserve(target);
    this.#unseen.delete(target);
    const address = this.#addressOf(unseen.image);
    if (address) unseen.picture.src = address;
  }

  #addressOf({ id, thumbnail }: ProjectImage) {
    let address = this.#addresses.get(id);
    if (!address && thumbnail) {
      address = URL.createObjectURL(thumbnail);
      this.#addresses.set(id, address);
    }
    return address;
  }

  #revoke(id: string) {
    const address = this.#addresses.get(id);
    if (address) URL.revokeObjectURL(address);
    this.#addresses.delete(id);
  }
}
