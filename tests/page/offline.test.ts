// The page's end of the service worker, without one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Offline, type OfflineEvents } from "../../www/offline/offline.js";

class StandInWorker extends EventTarget {
  state = "installing";

  becomes(state: string) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

class StandInRegistration extends EventTarget {
  installing: StandInWorker | null = null;
  waiting: StandInWorker | null = null;
  active: StandInWorker | null = null;
}

/** What the page is told, in order. @param container the page's end of the service worker */
async function told(registration: StandInRegistration, container = new EventTarget(), ready: Promise<object> = new Promise(() => {})) {
  const events: string[] = [];
  const serviceWorker = Object.assign(container, { register: async () => registration, ready });
  Object.defineProperty(globalThis, "navigator", { value: { serviceWorker }, configurable: true });
  const tells = (name: keyof OfflineEvents) => () => void events.push(name);
  const offline = new Offline({
    ready: tells("ready"),
    failed: tells("failed"),
    unavailable: tells("unavailable"),
    updated: tells("updated"),
    othersOpen: tells("othersOpen"),
  });
  await offline.start();
  return events;
}

test("an installation that fails is told of on the first visit", async () => {
  const registration = new StandInRegistration();
  const worker = (registration.installing = new StandInWorker());
  const events = await told(registration);
  assert.deepEqual(events, []);
  registration.installing = null;
  worker.becomes("redundant");
  assert.deepEqual(events, ["failed"]);
  assert.deepEqual(await told(registration), ["failed"], "it had failed before the page could look");
});

test("an installation that succeeds is no failure when a later one takes its place", async () => {
  const registration = new StandInRegistration();
  const worker = (registration.installing = new StandInWorker());
  const events = await told(registration);
  worker.becomes("installed");
  registration.installing = null;
  worker.becomes("redundant");
  assert.deepEqual(events, []);
});

test("an update is told of when it is there, and not when it fails, as the version before goes on", async () => {
  for (const state of ["installed", "redundant"]) {
    const registration = new StandInRegistration();
    registration.active = new StandInWorker();
    const events = await told(registration);
    const update = (registration.installing = new StandInWorker());
    registration.dispatchEvent(new Event("updatefound"));
    update.becomes(state);
    assert.deepEqual(events, state === "installed" ? ["updated"] : []);
  }
});

test("files are ready, or not, as the service worker says", async () => {
  const asked: unknown[] = [];
  const container = new EventTarget();
  const ready = Promise.resolve({ active: { postMessage: (message: unknown) => void asked.push(message) } });
  const registration = new StandInRegistration();
  registration.active = new StandInWorker();
  const events = await told(registration, container, ready);
  await ready;
  assert.deepEqual([asked, events], [["keep the files"], []]);
  container.dispatchEvent(Object.assign(new Event("message"), { data: "files are missing" }));
  container.dispatchEvent(Object.assign(new Event("message"), { data: "the files are kept" }));
  assert.deepEqual(events, ["failed", "ready"]);
});

test("an update that other tabs stand in the way of is not used, and that is told", async () => {
  const registration = new StandInRegistration();
  registration.active = new StandInWorker();
  const container = new EventTarget();
  const events = await told(registration, container);
  container.dispatchEvent(Object.assign(new Event("message"), { data: "something else" }));
  assert.deepEqual(events, []);
  container.dispatchEvent(Object.assign(new Event("message"), { data: "others are open" }));
  assert.deepEqual(events, ["othersOpen"]);
});
