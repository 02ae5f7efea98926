// Has the page isolated from other origins on a first visit, as browsers share memory between threads only there. A server
// may do so by its headers; else the service worker does, which answers all visits but the first: that one is begun again.

import { addressOf } from "../site.js";

/** What a page waits for at most before it starts without: a first visit's service worker is two small files. */
const LIMIT = 20_000;
/** When this tab was loaded again, in milliseconds since 1970. */
const TRIED = "graysam-isolation-tried";
/** For so long it is not loaded again. An isolated page cannot take the note back: its session storage is another one. */
const PAUSE = 600_000;

/**
 * Resolves when the page can start; where it is loaded again, never.
 * @param limit milliseconds
 */
export async function isolate(limit = LIMIT): Promise<void> {
  if (globalThis.crossOriginIsolated) return;
  // What is framed by another page is isolated with that one, or not at all.
  if (!("serviceWorker" in navigator) || globalThis.top !== globalThis.self) return;
  // The service worker has answered, or was passed over a moment ago: another time would be no other.
  if (navigator.serviceWorker.controller || tried()) return;
  const begun = await Promise.race([workerActive(), new Promise<false>((resolve) => setTimeout(resolve, limit, false))]);
  if (!begun || !note()) return;
  location.reload();
  await new Promise(() => {});
}

/** False where there will be none. */
async function workerActive(): Promise<boolean> {
  const registration = await register();
  if (!registration) return false;
  if (registration.active) return true;
  const worker = registration.installing ?? registration.waiting;
  if (!worker) return false;
  return new Promise((resolve) => {
    const changed = () => {
      // From then on it answers the next visit, if with some delay.
      if (worker.state === "activating" || worker.state === "activated") resolve(true);
      if (worker.state === "redundant") resolve(false);
    };
    worker.addEventListener("statechange", changed);
    changed();
  });
}

/** The service worker's registration, the same one on each call; undefined: there is none, or it may not be used. */
export async function register(): Promise<ServiceWorkerRegistration | undefined> {
  try {
    // It lies at the top of the site, so that its scope is all of it.
    const address = addressOf("../service_worker.js");
    return await navigator.serviceWorker.register(address, { updateViaCache: "none" });
  } catch {
    return undefined;
  }
}

function tried(): boolean {
  try {
    return Math.abs(Date.now() - Number(sessionStorage.getItem(TRIED))) < PAUSE;
  } catch {
    return true;
  }
}

/** Whether it could be noted in this tab: without a note the page could load again for ever. */
function note(): boolean {
  try {
    sessionStorage.setItem(TRIED, String(Date.now()));
    return true;
  } catch {
    return false;
  }
}
