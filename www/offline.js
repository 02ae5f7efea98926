// The page's end of the service worker, which keeps the page's files for visits without network.

/**
 * @typedef {object} OfflineEvents
 * @property {() => void} ready the page starts without network from now on
 * @property {() => void} unavailable this browser keeps no files here, as over plain http or in some private windows
 * @property {() => void} updated a new version of the page can be used
 */

/** @returns {Promise<ServiceWorkerRegistration | undefined>} */
async function register() {
  try {
    const address = new URL("../service_worker.js", import.meta.url);
    return await navigator.serviceWorker.register(address, { updateViaCache: "none" });
  } catch {
    // There is none, or it may not be used.
    return undefined;
  }
}

export class Offline {
  #events;
  #started = false;
  /** @type {ServiceWorkerRegistration | undefined} */
  #registration;
  #reloads = false;

  /** @param {OfflineEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** Has the files kept or, on a later visit, looks for a new version. */
  async start() {
    if (this.#started) return;
    this.#started = true;
    const registration = await register();
    if (!registration) return this.#events.unavailable();
    this.#registration = registration;
    void navigator.serviceWorker.ready.then(this.#events.ready);
    navigator.serviceWorker.addEventListener("controllerchange", () => this.#tookOver());
    registration.addEventListener("updatefound", () => this.#watch());
    this.#watch();
    if (this.#waiting) this.#events.updated();
  }

  /** Reloads the page with the new version; by itself it comes when the page is closed in all tabs. */
  useUpdate() {
    this.#reloads = true;
    if (this.#waiting) this.#waiting.postMessage("take over");
    else location.reload();
  }

  get #waiting() {
    return this.#registration?.waiting;
  }

  #watch() {
    const installing = this.#registration?.installing;
    installing?.addEventListener("statechange", () => {
      // On the first visit there is nothing before it.
      if (installing.state === "installed" && this.#registration?.active) this.#events.updated();
    });
  }

  #tookOver() {
    if (this.#reloads) location.reload();
    // In another tab it was asked for.
    else this.#events.updated();
  }
}
