// The page's end of the service worker, which keeps the page's files for visits without network.

import { register } from "./isolation.js";

export interface OfflineEvents {
  /** The page starts without network from now on. */
  ready: () => void;
  /** The page's files could not be fetched or kept; another visit tries again. */
  failed: () => void;
  /** This browser keeps no files here, as over plain http or in some private windows. */
  unavailable: () => void;
  /** A new version of the page can be used. */
  updated: () => void;
  /** It cannot be used yet, as other tabs use the version before. */
  othersOpen: () => void;
}

export class Offline {
  #events;
  #started = false;
  #registration: ServiceWorkerRegistration | undefined;
  #reloads = false;

  constructor(events: OfflineEvents) {
    this.#events = events;
  }

  /** Has the files kept or, on a later visit, looks for a new version. */
  async start() {
    if (this.#started) return;
    this.#started = true;
    const registration = await register();
    if (!registration) return this.#events.unavailable();
    this.#registration = registration;
    void navigator.serviceWorker.ready.then(({ active }) => active?.postMessage("keep the files"));
    navigator.serviceWorker.addEventListener("controllerchange", () => this.#controllerChanged());
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data === "the files are kept") this.#events.ready();
      if (data === "files are missing") this.#events.failed();
      if (data === "others are open") this.#refused();
    });
    registration.addEventListener("updatefound", () => this.#watch());
    const { installing, waiting, active } = registration;
    if (!installing && !waiting && !active) this.#events.failed();
    this.#watch();
    if (this.#waiting) this.#events.updated();
  }

  /** Reloads the page with the new version, which otherwise comes when the page is closed in all tabs. */
  useUpdate() {
    this.#reloads = true;
    if (this.#waiting) this.#waiting.postMessage("take over");
    else location.reload();
  }

  #refused() {
    this.#reloads = false;
    this.#events.othersOpen();
  }

  get #waiting() {
    return this.#registration?.waiting;
  }

  #watch() {
    const installing = this.#registration?.installing;
    if (!installing) return;
    const changed = () => {
      // What becomes of it later is none of this.
      installing.removeEventListener("statechange", changed);
      const active = this.#registration?.active;
      // The first visit installs no update; where one fails, the version before goes on.
      if (installing.state === "installed" && active) this.#events.updated();
      if (installing.state === "redundant" && !active) this.#events.failed();
    };
    installing.addEventListener("statechange", changed);
  }

  #controllerChanged() {
    if (this.#reloads) location.reload();
    // Another tab asked for the update just before this one was opened.
    else this.#events.updated();
  }
}
