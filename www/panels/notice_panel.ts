// The sentence that the person should read now, over the image.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const alert = byId("alert", HTMLElement);
const sentence = byId("alert-text", HTMLElement);
const anchor = byId("alert-link", HTMLAnchorElement);

export class NoticePanel {
  #notices;

  constructor({ notices }: Workbench) {
    this.#notices = notices;
    byId("dismiss-alert", HTMLButtonElement).onclick = () => notices.dismiss();
    effect(() => this.#show());
  }

  #show() {
    count("notice");
    const notice = this.#notices.current.value;
    const link = notice?.link;
    sentence.textContent = notice?.sentence ?? "";
    anchor.hidden = !link;
    anchor.textContent = link?.text ?? "";
    if (link) anchor.href = link.address;
    alert.hidden = !notice;
  }
}
