// Whether the page starts without network, and whether a new version of it is here. Its methods are what the page's end of
// the service worker calls.

import { byId } from "./dom.js";

const words = byId("offline-state", HTMLElement);
const update = byId("update", HTMLElement);

function tell(state: string, sentence: string) {
  document.documentElement.dataset.offline = state;
  words.textContent = sentence;
}

export class OfflinePanel {
  readonly ready = () => tell("ready", "works");
  readonly failed = () => tell("failed", "not kept: its files could not be fetched or stored; the next visit tries again");
  readonly unavailable = () => tell("unavailable", "not in this window");
  readonly updated = () => {
    update.hidden = false;
  };

  readonly othersOpen = () => {
    byId("update-others", HTMLElement).hidden = false;
  };

  /** @param useUpdate reloads the page with the new version */
  constructor(useUpdate: () => void) {
    byId("use-update", HTMLButtonElement).onclick = useUpdate;
  }
}
