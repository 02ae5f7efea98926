// Which page of a stack is shown.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const control = byId("pages", HTMLElement);
const shownPage = byId("page-count", HTMLOutputElement);

export class PagesControl {
  #session;

  constructor({ session }: Workbench) {
    this.#session = session;
    effect(() => this.#show());
  }

  #show() {
    count("pages");
    const { page, pages } = this.#session.image.info.value ?? { page: 0, pages: 1 };
    control.hidden = pages < 2;
    shownPage.value = `Page ${page + 1} of ${pages.toLocaleString("en")}`;
  }
}
