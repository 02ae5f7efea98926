// The service worker's script with stand-ins for its globals: a page gets files of its own version only.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCOPE = "https://lab.example/graysam/";
const SCRIPT = readFileSync(new URL("../../www/offline/service_worker.js", import.meta.url), "utf8");

class Client {
  readonly told: unknown[] = [];
  readonly id;
  readonly url;

  constructor(id: string, url: string) {
    this.id = id;
    this.url = url;
  }

  postMessage(message: unknown) {
    this.told.push(message);
  }
}

/** A version of the page. */
class Worker {
  skipped = false;
  #listeners = new Map<string, (event: object) => void>();

  /** @param open the tabs of the origin */
  constructor(open: Client[]) {
    const self = {
      registration: { scope: SCOPE },
      SITE: { version: "2", files: {} },
      clients: {
        // A worker that waits controls none.
        matchAll: async ({ includeUncontrolled = false } = {}) => (includeUncontrolled ? open : []),
      },
      skipWaiting: async () => void (this.skipped = true),
      addEventListener: (name: string, listener: (event: object) => void) => this.#listeners.set(name, listener),
    };
    runInNewContext(SCRIPT, { self, Client, URL, importScripts: () => {} });
  }

  async hears(source: Client, data: unknown) {
    const work: Promise<unknown>[] = [];
    this.#listeners.get("message")?.({ source, data, waitUntil: (promise: Promise<unknown>) => work.push(promise) });
    await Promise.all(work);
  }
}

test("a new version takes over at once where the tab that asks is the only one", async () => {
  const asking = new Client("1", SCOPE);
  const worker = new Worker([asking, new Client("2", "https://lab.example/elsewhere/")]);
  await worker.hears(asking, "something else");
  assert.ok(!worker.skipped);
  await worker.hears(asking, "take over");
  assert.deepEqual([worker.skipped, asking.told], [true, []]);
});

test("a new version takes no tab over that another tab's page asks for", async () => {
  const asking = new Client("1", SCOPE);
  const other = new Client("2", `${SCOPE}?device=cpu`);
  const open = [asking, other];
  const worker = new Worker(open);
  await worker.hears(asking, "take over");
  assert.deepEqual([worker.skipped, asking.told, other.told], [false, ["others are open"], []]);
  open.pop();
  await worker.hears(asking, "take over");
  assert.ok(worker.skipped);
});
