// The list of images, of which only the items near the view are built.

/** @typedef {import("./harness.js").Page} Page */

/** What a list says of each image's objects, from the first to the last: scrolls through it. @param {Page} page @returns {Promise<string[]>} */
export function listedNotes(page) {
  return page.evaluate(async () => {
    const list = document.getElementById("images");
    if (!list) return [];
    /** @type {Map<number, string>} */
    const notes = new Map();
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    // A view before and one behind what is in view are built as well.
    for (let end = false, at = 0; !end; at += 2 * list.clientHeight) {
      list.scrollTop = at;
      await drawn();
      for (const [i, item] of [...list.children].entries()) {
        notes.set(Number(item.ariaPosInSet ?? i + 1), item.querySelector(".note")?.textContent ?? "");
      }
      end = list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
    }
    return [...notes].sort(([a], [b]) => a - b).map(([, note]) => note);
  });
}
