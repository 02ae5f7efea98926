// The images that were searched for the rest, the least sure first.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { ProjectImage } from "../document/project.js";
import { byId, make } from "./dom.js";
import { count } from "./drawn.js";
import { counted, percent } from "./finding_words.js";
import { KeyedList } from "./keyed_list.js";
import { searchedRows, type SearchedRow } from "./searched_rows.js";

/** Images in the list: those that need a look come first, and each that was seen makes room for another. */
const MOST = 50;

const box = byId("searched-box", HTMLElement);
const note = byId("searched-note", HTMLElement);

type Row = SearchedRow & { open: boolean };

export class SearchedImages {
  #bench;
  #list = new KeyedList<Row>(byId("searched", HTMLUListElement), {
    keyOf: ({ image }) => image.id,
    shown: ({ suggestions, least, open, problem }) => JSON.stringify([suggestions, least, open, problem]),
    build: (row, element) => this.#build(row, element),
  });

  constructor(bench: Workbench) {
    this.#bench = bench;
    effect(() => this.#show());
  }

  #show() {
    count("searched images");
    const { project, session } = this.#bench;
    const { suggestions } = project;
    void suggestions.changes.value;
    const [images, current, leftOut] = [project.images.value, project.current.value, session.finding.leftOut.value];
    const rows = searchedRows(images, leftOut, (image) => suggestions.shownOf(image));
    box.hidden = images.length < 2 || rows.length === 0;
    if (box.hidden) return;
    this.#list.show(rows.slice(0, MOST).map((row) => ({ ...row, open: row.image === current })));
    const left = session.finding.left.value.length;
    const done = `${rows.length.toLocaleString("en")} of ${counted(images.length, "image")} searched`;
    const more = rows.length > MOST ? `; the ${MOST} least sure are listed` : "";
    const rest = left > 0 && !session.finding.running.value ? "; On all images goes on with the others" : "";
    note.textContent = `${done}${more}${rest}.`;
  }

  #build({ image, suggestions, least, open, problem }: Row, element: HTMLLIElement) {
    const name = image.source.page ? `${image.name}, page ${image.source.page + 1}` : image.name;
    const facts = suggestions > 0 ? `${counted(suggestions, "suggestion")}, least sure ${percent(least)}` : "no suggestions";
    const review = make("button", { type: "button", id: `review-${image.id}`, ariaLabel: `Review ${name}` }, "Review");
    review.onclick = () => void this.#review(image);
    element.className = open ? "open" : "";
    return [
      make("p", { className: "item-title" }, make("strong", { title: name }, name), review),
      make("p", { className: "note" }, problem ?? facts),
    ];
  }

  /** With its first suggestion chosen, for Enter and Delete. */
  async #review({ id }: ProjectImage) {
    const { navigation, project } = this.#bench;
    const opened = project.current.peek()?.id === id || (await navigation.openById(id));
    if (opened) project.suggestions.chooseFirst();
    byId("canvas", HTMLCanvasElement).focus({ preventScroll: true });
  }
}
