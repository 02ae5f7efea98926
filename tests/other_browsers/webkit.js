// WebKit as Debian has it, by WebKitWebDriver, which speaks WebDriver over HTTP, on a screen of its own.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { temporaryFolder } from "../browser/sample.js";
import { Driven } from "./driven.js";
import { start } from "./processes.js";

/** By WebDriver's names of its commands. @type {Record<import("./driven.js").Command, [method: string, path: string]>} */
const PATHS = {
  Navigate: ["POST", "url"],
  ExecuteAsyncScript: ["POST", "execute/async"],
  PerformActions: ["POST", "actions"],
  SetWindowRect: ["POST", "window/rect"],
  TakeScreenshot: ["GET", "screenshot"],
};

/** An error on the console, but that this WebKit installs no pages as apps, and says so of the policy for how they are. */
const PAGE_ERROR = /CONSOLE (\S+ )?ERROR (?!Unrecognized Content-Security-Policy directive 'manifest-src')/;

/** For which Debian has WebKit's bindings. */
const PYTHON = "/usr/bin/python3";
const WINDOW = fileURLToPath(new URL("webkit_window.py", import.meta.url));

/** A window of WebKitGTK with an empty profile. */
export async function launchWebKit() {
  const home = temporaryFolder();
  const [binary, output, data, downloads] = ["window", "output.txt", "data", "downloads"].map((name) => join(home, name));
  for (const path of [data, downloads]) mkdirSync(path);
  const words = [PYTHON, WINDOW, data, downloads].map((word) => `'${word}'`);
  // WebKitWebDriver drops what the browser prints; and not line by line, what a page writes is lost when it ends.
  writeFileSync(binary, `#!/bin/sh\nexec stdbuf -oL ${words.join(" ")} >'${output}' 2>&1\n`, { mode: 0o755 });
  const screen = start("Xvfb", ["-displayfd", "1", "-screen", "0", "1366x900x24", "-nolisten", "tcp"], {});
  const display = await screen.until(() => screen.lines().find((line) => /^\d+$/.test(line)));
  const port = await freePort();
  const webkit = start("WebKitWebDriver", [`--port=${port}`], { HOME: home, DISPLAY: `:${display}` });

  let ended = false;
  /** @param {string} method @param {string} path @param {object} [body] */
  async function call(method, path, body) {
    const reply = await fetch(`http://127.0.0.1:${port}/${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = /** @type {{value: any}} */ (await reply.json());
    ended ||= value?.error === "invalid session id";
    if (!reply.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  await webkit.until(() => call("GET", "status").catch(() => undefined));
  const { sessionId } = await call("POST", "session", {
    capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: [] } } },
  });
  return new Driven({
    downloads,
    errors: () =>
      readFileSync(output, "utf8")
        .split("\n")
        .filter((line) => PAGE_ERROR.test(line)),
    send(command, parameters) {
      const [method, path] = PATHS[command];
      return call(method, `session/${sessionId}/${path}`, method === "POST" ? parameters : undefined);
    },
    ended: () => ended,
    async close() {
      await call("DELETE", `session/${sessionId}`).catch(() => {});
      await webkit.end();
      await screen.end();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  });
}

/** @returns {Promise<number>} a port on which nobody listens */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
