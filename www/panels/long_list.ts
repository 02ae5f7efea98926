// A list of which only the items near the view are built, as there may be thousands. The first one, the last one and those
// about the focus are built as well, so that Tab goes where it would go if all were there. Margins stand for the rest.

import { type ItemKind, KeyedList } from "./keyed_list.js";

/** Up to so many items, all are built. */
const FEW = 100;
/** What is built on either side of the view, in extents of the view. */
const AROUND = 1;
/** Pixels that are taken for what has not been measured: the extent of an item, and that of a list that is folded. */
const [USUAL_ITEM, USUAL_VIEW] = [150, 900];

export class LongList<T> {
  #element;
  #scroller;
  #keyOf;
  #list;
  #items: readonly T[] = [];
  /** The places of the items by their keys. */
  #places = new Map<string, number>();
  /** The places of the items that are built. */
  #built: number[] = [];
  /** Extents of items that have been built, in pixels along the list. */
  #extents = new Map<string, number>();
  #usual = USUAL_ITEM;
  /** Where each item begins, and where the last one ends, in pixels from the first; undefined: not worked out. */
  #starts: Float64Array | undefined;
  /** It is one row, which scrolls sideways. */
  #isRow = false;
  /** The list's extent across, on which those of its items depend. */
  #across = 0;

  /** @param element has no other children @param scroller what it scrolls in, itself or an ancestor */
  constructor(element: HTMLElement, scroller: HTMLElement, kind: ItemKind<T>) {
    this.#element = element;
    this.#scroller = scroller;
    this.#keyOf = kind.keyOf;
    this.#list = new KeyedList<T>(element, kind);
    // Where the page is narrow, another element may scroll.
    document.addEventListener("scroll", ({ target }) => this.#scrolled(target), { capture: true, passive: true });
    // The view follows the focus a frame later, which is too late for a key that is held down.
    element.addEventListener("focusin", () => this.#isLong && this.#update());
    this.#look();
    const resized = new ResizeObserver(() => this.#resized());
    resized.observe(element);
    resized.observe(scroller);
  }

  /** Of an item that is built. */
  elementOf(key: string) {
    return this.#list.elementOf(key);
  }

  /** Shows these items, in this order. */
  show(items: readonly T[]) {
    this.#items = items;
    this.#places = new Map(items.map((item, place) => [this.#keyOf(item), place]));
    this.#starts = undefined;
    this.#build(this.#wanted());
    // What they say may take other room now.
    this.#measure(this.#built);
  }

  /** Brings an item into view. */
  reveal(key: string) {
    const place = this.#places.get(key);
    if (place === undefined) return;
    if (!this.elementOf(key)) this.#update(place);
    this.elementOf(key)?.scrollIntoView({ block: "nearest" });
  }

  get #isLong() {
    return this.#items.length > FEW;
  }

  #scrolled(target: EventTarget | null) {
    if (this.#isLong && target instanceof Node && target.contains(this.#element)) this.#update();
  }

  #look() {
    this.#isRow = getComputedStyle(this.#element).display === "flex";
  }

  #resized() {
    this.#look();
    if (!this.#isLong) return;
    const across = this.#isRow ? this.#element.clientHeight : this.#element.clientWidth;
    if (across !== this.#across) {
      this.#extents.clear();
      this.#starts = undefined;
    }
    this.#across = across;
    this.#measure(this.#built);
    this.#update();
  }

  /** Builds what is near the view. @param revealed the place of one more item */
  #update(revealed?: number) {
    const wanted = this.#wanted(revealed);
    const before = new Set(this.#built);
    const added = wanted.filter((place) => !before.has(place));
    if (added.length === 0 && wanted.length === this.#built.length) return;
    this.#build(wanted);
    this.#measure(added);
  }

  #build(places: number[]) {
    this.#built = places;
    this.#list.show(places.map((place) => this.#items[place]));
    this.#space();
  }

  /** The places of the items that are to be built, in their order. */
  #wanted(revealed?: number): number[] {
    const count = this.#items.length;
    if (!this.#isLong) return Array.from({ length: count }, (_, place) => place);
    const { from, to } = this.#nearView();
    const places = new Set([0, count - 1]);
    if (revealed !== undefined) places.add(revealed);
    for (let place = from; place <= to; place++) places.add(place);
    const focused = this.#focused;
    if (focused !== undefined) for (const place of [focused - 1, focused, focused + 1]) if (place in this.#items) places.add(place);
    return [...places].sort((a, b) => a - b);
  }

  /** The place of the item with the focus. */
  get #focused() {
    const item = document.activeElement?.closest("li");
    const key = item && this.#element.contains(item) ? item.dataset.key : undefined;
    return key === undefined ? undefined : this.#places.get(key);
  }

  /** The places of the first and of the last item near the view. */
  #nearView() {
    const { begin, end } = this.#view();
    const around = (end - begin) * AROUND;
    const last = this.#items.length - 1;
    return { from: Math.min(last, this.#placeAt(begin - around)), to: Math.min(last, this.#placeAt(end + around)) };
  }

  /** What of the list is in view, in pixels from its first item. */
  #view() {
    const [list, clip] = [this.#element.getBoundingClientRect(), this.#scroller.getBoundingClientRect()];
    const row = this.#isRow;
    const origin = row ? list.left - this.#element.scrollLeft : list.top - this.#element.scrollTop;
    const begin = Math.max(0, row ? clip.left : clip.top) - origin;
    const end = (row ? Math.min(innerWidth, clip.right) : Math.min(innerHeight, clip.bottom)) - origin;
    if (list.width > 0 && end > begin) return { begin, end };
    return { begin: 0, end: USUAL_VIEW };
  }

  get #beginnings() {
    if (!this.#starts) {
      const starts = new Float64Array(this.#items.length + 1);
      this.#items.forEach((item, i) => (starts[i + 1] = starts[i] + (this.#extents.get(this.#keyOf(item)) ?? this.#usual)));
      this.#starts = starts;
    }
    return this.#starts;
  }

  /** The place of the item at so many pixels from the first. */
  #placeAt(pixels: number) {
    const starts = this.#beginnings;
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle + 1] > pixels) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Keeps the room of the items that are not built, and says which of all items these are. */
  #space() {
    const [starts, row, long] = [this.#beginnings, this.#isLong && this.#isRow, this.#isLong];
    let end = 0;
    for (const place of this.#built) {
      const key = this.#keyOf(this.#items[place]);
      const element = this.elementOf(key);
      if (!element) continue;
      const gap = starts[place] - end;
      const room = gap > 0.5 ? `${gap}px` : "";
      element.style.marginTop = row ? "" : room;
      element.style.marginLeft = row ? room : "";
      element.dataset.key = key;
      element.ariaSetSize = long ? String(this.#items.length) : null;
      element.ariaPosInSet = long ? String(place + 1) : null;
      end = starts[place + 1];
    }
  }

  /** Takes the extents of items that are built. */
  #measure(places: readonly number[]) {
    if (!this.#isLong) return;
    const row = this.#isRow;
    const first = this.#extents.size === 0;
    let changed = false;
    for (const place of places) {
      const key = this.#keyOf(this.#items[place]);
      const box = this.elementOf(key)?.getBoundingClientRect();
      const extent = (row ? box?.width : box?.height) ?? 0;
      if (extent === 0 || this.#extents.get(key) === extent) continue;
      this.#extents.set(key, extent);
      changed = true;
    }
    if (!changed) return;
    if (first) this.#usual = [...this.#extents.values()].sort((a, b) => a - b)[this.#extents.size >> 1];
    this.#starts = undefined;
    this.#space();
  }
}
