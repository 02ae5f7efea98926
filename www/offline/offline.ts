// The page's end of the service worker, which keeps the page's files for visits without network.

export interface OfflineEvents {
  /** The page starts without network from now on. */
  ready: () => void;
  /** This browser keeps no files here, as over plain http or in some private windows. */
  unavailable: () => void;
  /** A new version of the page can be used. */
  updated: () => void;
}

async function register(): Promise<ServiceWorkerRegistration | undefined> {
  try {
    // It lies at the top of the site, so that its scope is all of it.
    const address = new URL("../../service_worker.js", import.meta.url);
    return await navigator.serviceWorker.register(address, { updateViaCache: "none" });
  } catch {
    // There is none, or it may not be used.
    return undefined;
  }
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
    void navigator.serviceWorker.ready.then(this.#events.ready);
    navigator.serviceWorker.addEventListener("controllerchange", () => this.#controllerChanged());
    registration.addEventListener("updatefound", () => this.#watch());
    this.#watch();
    if (this.#waiting) this.#events.updated();
  }

  /** Reloads the page with the new version, which otherwise comes when the page is closed in all tabs. */
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
      // The first visit installs no update.
      if (installing.state === "installed" && this.#registration?.active) this.#events.updated();
    });
  }

  #controllerChanged() {
    if (this.#reloads) location.reload();
    // Another tab asked for the update.
    else this.#events.updated();
  }
}
