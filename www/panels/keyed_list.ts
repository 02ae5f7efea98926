// A list element whose items have keys: an item is built anew only when it is to show something else, and the focus stays.

import { make } from "./dom.js";

export interface ItemKind<T> {
  /** Unique in the list. */
  keyOf(item: T): string;
  /** All that the item's content depends on. */
  shown(item: T, element: HTMLLIElement): string;
  build(item: T, element: HTMLLIElement): (Node | string)[];
  removed?(element: HTMLLIElement, key: string): void;
}

interface Entry {
  element: HTMLLIElement;
  shown: string | undefined;
}

export class KeyedList<T> {
  #list;
  #kind;
  #entries = new Map<string, Entry>();

  /** @param list has no other children */
  constructor(list: HTMLElement, kind: ItemKind<T>) {
    this.#list = list;
    this.#kind = kind;
  }

  elementOf(key: string) {
    return this.#entries.get(key)?.element;
  }

  /** Shows these items, in this order. */
  show(items: readonly T[]) {
    const focused = this.#list.contains(document.activeElement) ? document.activeElement?.id : "";
    this.#keepOnly(new Set(items.map((item) => this.#kind.keyOf(item))));
    let next = this.#list.firstElementChild;
    for (const item of items) {
      const element = this.#built(item);
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  #keepOnly(keys: ReadonlySet<string>) {
    for (const [key, { element }] of this.#entries) {
      if (keys.has(key)) continue;
      element.remove();
      this.#entries.delete(key);
      this.#kind.removed?.(element, key);
    }
  }

  #built(item: T) {
    const entry = this.#entryOf(this.#kind.keyOf(item));
    const shown = this.#kind.shown(item, entry.element);
    if (shown !== entry.shown) {
      entry.shown = shown;
      entry.element.replaceChildren(...this.#kind.build(item, entry.element));
    }
    return entry.element;
  }

  #entryOf(key: string) {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { element: make("li"), shown: undefined };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}
