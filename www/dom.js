// Typed look-up and building of elements.

/**
 * The element of this id, which the page must have.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`The page has no ${type.name} named ${id}.`);
}

/** Whether keys mean text or a choice there. @param {EventTarget | null} target */
export function isTyping(target) {
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "file", "radio", "range"].includes(target.type);
}

/** After a click of the mouse on a control, the next key, such as Enter, is meant for the image. @param {MouseEvent} click */
export function keysToImage({ detail }) {
  if (detail > 0) byId("canvas", HTMLCanvasElement).focus();
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} properties
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** So many objects, in words. @param {number} count */
export function objects(count) {
  return count === 1 ? "1 object" : `${count.toLocaleString("en")} objects`;
}
