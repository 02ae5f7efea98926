// A first visit is begun again when the service worker can answer it, and never twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isolate } from "../../www/offline/isolation.js";

const LIMIT = 20;

class StandInWorker extends EventTarget {
  state = "installing";

  becomes(state: string) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

interface Browser {
  isolated?: boolean;
  framed?: boolean;
  /** Undefined: there are no service workers. */
  register?: (() => Promise<object | undefined>) | undefined;
  controlled?: boolean;
  /** Undefined: there is none. */
  storage?: Map<string, string> | undefined;
}

/** How often a visit loads the page again, and whether it starts. */
async function visit({ isolated = false, framed = false, register, controlled = false, storage }: Browser) {
  let reloads = 0;
  const global = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { configurable: true, get: () => (value instanceof Error ? thrown(value) : value) });
  const container = { register, controller: controlled ? {} : null };
  global("crossOriginIsolated", isolated);
  global("self", globalThis);
  global("top", framed ? {} : globalThis);
  global("navigator", register ? { serviceWorker: container } : {});
  global("location", { reload: () => void reloads++ });
  const items = storage && {
    getItem: (key: string) => storage.get(key) ?? null,
    setItem: (key: string, value: string) => void storage.set(key, value),
  };
  global("sessionStorage", items ?? new Error("The user denied permission to access the storage."));
  let started = false;
  void isolate(LIMIT).then(() => (started = true));
  await new Promise((resolve) => setTimeout(resolve, 2 * LIMIT));
  return { reloads, started };
}

function thrown(error: Error): never {
  throw error;
}

const active = async () => ({ active: {} });
const started = { reloads: 0, started: true };

test("a first visit is begun again once, and goes on when the browser isolates nothing even so", async () => {
  const storage = new Map<string, string>();
  assert.deepEqual(await visit({ register: active, storage }), { reloads: 1, started: false });
  assert.deepEqual(await visit({ register: active, storage, controlled: true }), started, "the service worker has answered");
  assert.deepEqual(await visit({ register: active, storage }), started, "the service worker was passed over");
});

test("a visit that passes the service worker over is begun again, but not again and again", async () => {
  const storage = new Map<string, string>();
  const before = Date.now;
  try {
    for (const hour of [1, 2]) {
      Date.now = () => hour * 3_600_000;
      assert.equal((await visit({ register: active, storage })).reloads, 1);
      assert.deepEqual(await visit({ register: active, storage }), started);
    }
  } finally {
    Date.now = before;
  }
});

test("nothing is begun again where the server isolates the page, in a frame, and without service workers or storage", async () => {
  const storage = new Map<string, string>();
  assert.deepEqual(await visit({ isolated: true, register: active, storage }), started);
  assert.deepEqual(await visit({ framed: true, register: active, storage }), started);
  assert.deepEqual(await visit({ storage }), started);
  assert.deepEqual(await visit({ register: async () => undefined, storage }), started);
  assert.deepEqual(await visit({ register: async () => thrown(new Error("SecurityError")), storage }), started);
  assert.deepEqual(await visit({ register: active, storage: undefined }), started);
});

test("a service worker is waited for, but not long", async () => {
  const worker = new StandInWorker();
  const register = async () => ({ active: null, installing: worker });
  const waiting = visit({ register, storage: new Map() });
  await Promise.resolve();
  setTimeout(() => worker.becomes("activating"), 1);
  assert.deepEqual(await waiting, { reloads: 1, started: false });

  const storage = new Map<string, string>();
  const failing = new StandInWorker();
  setTimeout(() => failing.becomes("redundant"), 1);
  assert.deepEqual(await visit({ register: async () => ({ active: null, installing: failing }), storage }), started);
  assert.deepEqual(await visit({ register: () => new Promise(() => {}), storage }), started);
  assert.equal(storage.size, 0, "another visit tries again");
});
