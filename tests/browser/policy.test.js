// The page's policy lets nothing out, neither from the page nor from its worker.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { launch, openPage, waitState } from "./harness.js";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Another origin, which would let every page in and notes who came. */
async function startListener() {
  /** @type {string[]} */
  const heard = [];
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Content-Type": "text/plain" }).end("heard");
  });
  server.on("upgrade", (request, socket) => {
    heard.push(`upgrade ${request.url}`);
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { heard, address: `127.0.0.1:${port}`, close: () => server.close() };
}

/** Runs in the page or the worker: tries all ways out and tells which seemed open. @param {string} address */
async function tryToSend(address) {
  /** @type {Record<string, () => Promise<unknown>>} */
  const ways = {
    fetch: () => fetch(`http://${address}/fetch`, { method: "POST", body: "pixels" }),
    opaque: () => fetch(`http://${address}/opaque`, { mode: "no-cors" }),
    request: () =>
      new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.onload = resolve;
        request.onerror = reject;
        request.open("GET", `http://${address}/request`);
        request.send();
      }),
    socket: () =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`ws://${address}/socket`);
        socket.onopen = resolve;
        socket.onerror = reject;
      }),
    module: () => import(`http://${address}/module.js`),
  };
  if (typeof Image !== "undefined") {
    ways.image = () => {
      const image = new Image();
      image.src = `http://${address}/image.png`;
      return image.decode();
    };
    ways.beacon = async () => {
      navigator.sendBeacon(`http://${address}/beacon`, "pixels");
      // It tells nothing; the listener would.
      await new Promise((resolve) => setTimeout(resolve, 500));
      throw new Error("unknown");
    };
  }
  const open = [];
  for (const [name, way] of Object.entries(ways)) {
    try {
      await way();
      open.push(name);
    } catch {
      // The policy forbids it.
    }
  }
  return open;
}

test("neither the page nor its worker can send anything elsewhere", async () => {
  const listener = await startListener();
  try {
    // A further thread's worker would hear nothing but its work.
    const { page } = await openPage(browser, "?device=cpu&threads=1");
    await waitState(page, "ready", 180_000);
    assert.equal(page.workers().length, 1);
    assert.deepEqual(await page.workers()[0].evaluate(tryToSend, listener.address), []);
    assert.deepEqual(await page.evaluate(tryToSend, listener.address), []);
    assert.equal(listener.heard.join(), "");

    // The listener can be reached from a document of the same origin that has no policy.
    await page.goto(new URL("www/catalogue.json", process.env.GRAYSAM_URL).href);
    const open = await page.evaluate(tryToSend, listener.address);
    // Isolated as it is by the server's headers, it takes nothing that does not say it is for others.
    assert.deepEqual(open, ["fetch", "request"]);
    assert.ok(listener.heard.includes("POST /fetch"), "the listener hears what is sent");
  } finally {
    listener.close();
  }
});

test("the service worker can send nothing elsewhere where the host sends its policy", async () => {
  const listener = await startListener();
  try {
    const { page } = await openPage(browser, "?device=cpu", { serviceWorkers: "allow" });
    await page.waitForSelector("html[data-offline=ready]", { timeout: 180_000 });
    const workers = page.context().serviceWorkers();
    assert.equal(workers.length, 1);
    assert.deepEqual(await workers[0].evaluate(tryToSend, listener.address), []);
    assert.equal(listener.heard.join(), "");
  } finally {
    listener.close();
  }
});

test("the policy allows the page's own origin and the catalogue's hosts, no others", async () => {
  const { page } = await openPage(browser, "?device=cpu");
  const policy = await page.getAttribute("meta[http-equiv=Content-Security-Policy]", "content");
  const directives = new Map(
    (policy ?? "").split(";").map((directive) => {
      const [name, ...sources] = directive.trim().split(/\s+/);
      return /** @type {[string, string[]]} */ ([name, sources]);
    }),
  );
  assert.deepEqual(directives.get("default-src"), ["'none'"]);
  const response = await fetch(new URL("www/catalogue.json", process.env.GRAYSAM_URL));
  const entries = /** @type {import("../../www/document/types.js").CatalogueEntry[]} */ (await response.json());
  const addresses = entries.flatMap(({ addresses, decoder }) => [...addresses, ...(decoder?.addresses ?? [])]);
  const hosts = new Set(addresses.map((address) => `https://${new URL(address).host}`));
  // Hugging Face sends the reader on to its own file servers.
  const expected = ["'self'", ...hosts, "https://*.huggingface.co", "https://*.hf.co"];
  assert.deepEqual(directives.get("connect-src")?.toSorted(), expected.toSorted());
  for (const [name, sources] of directives) {
    if (name === "connect-src") continue;
    const elsewhere = sources.filter((source) => !/^('.*'|blob:|data:)$/.test(source));
    assert.deepEqual(elsewhere, [], `${name} names no other origin`);
  }
});
