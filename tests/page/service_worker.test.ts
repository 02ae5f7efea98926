// The service worker's script with stand-ins for its globals: a page gets files of its own version only, and is isolated.

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

/** What a server without any headers of its own answers. */
async function plainServer(asked: string | URL | { url: string }) {
  const { pathname } = new URL(typeof asked === "object" && "url" in asked ? asked.url : asked);
  return new Response(`file ${pathname}`, { headers: { "Content-Type": "text/html" } });
}

/** A version of the page. */
class Worker {
  skipped = false;
  /** Addresses of what it has kept. */
  readonly kept = new Map<string, Response>();
  #listeners = new Map<string, (event: object) => void>();

  /** @param open the tabs of the origin @param active the version before, if there is one */
  constructor(open: Client[], active: object | null = {}, fetch: typeof plainServer = plainServer) {
    const { kept } = this;
    const cache = {
      keys: async () => [...kept.keys()].map((url) => ({ url })),
      match: async (url: string) => kept.get(url)?.clone(),
      put: async (url: string, response: Response) => void kept.set(url, response),
    };
    const self = {
      registration: { scope: SCOPE, active },
      SITE: { version: "2", files: { "": "sha256-page", "www/main.js": "sha256-main" } },
      clients: {
        // A worker that waits controls none.
        matchAll: async ({ includeUncontrolled = false } = {}) => (includeUncontrolled ? open : []),
      },
      skipWaiting: async () => void (this.skipped = true),
      addEventListener: (name: string, listener: (event: object) => void) => this.#listeners.set(name, listener),
    };
    const caches = { open: async () => cache };
    runInNewContext(SCRIPT, { self, Client, URL, Response, Headers, caches, fetch, importScripts: () => {} });
  }

  /** Whether it was installed. */
  async installs() {
    const work: Promise<unknown>[] = [];
    this.#listeners.get("install")?.({ waitUntil: (promise: Promise<unknown>) => work.push(promise) });
    return Promise.all(work).then(
      () => true,
      () => false,
    );
  }

  /** What it answers a request with; undefined: that is left to the browser. */
  async answers(path: string, mode: string) {
    let answer: Promise<Response> | undefined;
    const request = { method: "GET", url: SCOPE + path, headers: new Headers(), mode };
    this.#listeners.get("fetch")?.({ request, respondWith: (response: Promise<Response>) => (answer = response) });
    return answer;
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

test("the page is isolated, whether it is kept or comes from the server, and nothing else is changed", async () => {
  const worker = new Worker([], null);
  for (const time of ["from the server", "kept"]) {
    const page = await worker.answers("?device=cpu", "navigate");
    assert.equal(page?.headers.get("Cross-Origin-Opener-Policy"), "same-origin", time);
    assert.equal(page?.headers.get("Cross-Origin-Embedder-Policy"), "require-corp", time);
    assert.equal(page?.headers.get("Content-Type"), "text/html", time);
    assert.equal(await page?.text(), "file /graysam/", time);
    const script = await worker.answers("www/main.js", "cors");
    assert.equal(script?.headers.get("Cross-Origin-Embedder-Policy"), null, time);
    assert.equal(await worker.answers("www/none.js", "cors"), undefined, time);
    await worker.hears(new Client("1", SCOPE), "keep the files");
  }
});

test("a redirection of the page is the browser's to follow", async () => {
  const redirection = Object.defineProperty(new Response(null), "type", { value: "opaqueredirect" });
  const worker = new Worker([], null, async () => redirection);
  assert.equal(await worker.answers("", "navigate"), redirection);
});

test("the first version answers before it has files, and keeps them when the page asks", async () => {
  const page = new Client("1", SCOPE);
  const worker = new Worker([page], null);
  assert.ok(await worker.installs());
  assert.equal(worker.kept.size, 0);
  await worker.hears(page, "keep the files");
  assert.deepEqual([...worker.kept.keys()], [`${SCOPE}?sha256-page`, `${SCOPE}www/main.js?sha256-main`]);
  assert.deepEqual(page.told, ["the files are kept"]);
});

test("a later version is there when it has all files, and not where one cannot be fetched", async () => {
  const worker = new Worker([]);
  assert.ok(await worker.installs());
  assert.equal(worker.kept.size, 2);
  const missing: typeof plainServer = async () => new Response("", { status: 404 });
  assert.ok(!(await new Worker([], {}, missing).installs()));
  const page = new Client("1", SCOPE);
  await new Worker([page], null, missing).hears(page, "keep the files");
  assert.deepEqual(page.told, ["files are missing"]);
});
