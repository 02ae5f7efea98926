// Typed look-up and building of elements.

/** The element of this id, which the page must have. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${type.name} named ${id}.`);
}

/** Whether keys mean text or a choice there. */
export function isTyping(target: EventTarget | null) {
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "file", "radio", "range"].includes(target.type);
}

/** Focuses the image after a mouse click on a control, because the next key, such as Enter, is meant for it. */
export function keysToImage({ detail }: MouseEvent) {
  if (detail > 0) byId("canvas", HTMLCanvasElement).focus({ preventScroll: true });
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A number of objects in words. */
export function objects(count: number) {
  return count === 1 ? "1 object" : `${count.toLocaleString("en")} objects`;
}
