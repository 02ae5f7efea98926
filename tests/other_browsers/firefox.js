// Firefox as it is released, by its own Marionette: WebDriver's commands in JSON on a socket, which is all that geckodriver
// passes on. Playwright and Puppeteer need more of WebDriver BiDi than its long-term releases have, or more of Node.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";

import { temporaryFolder } from "../browser/sample.js";
import { Driven } from "./driven.js";
import { start } from "./processes.js";

/** An error of the page, not one of the browser's own parts, such as what loads its settings from the network. */
const PAGE_ERROR = /^console\.error: (?!RSLoader: )|^JavaScript error: http/;

/** Firefox with an empty profile, which GRAYSAM_FIREFOX names. */
export async function launchFirefox() {
  const folder = temporaryFolder();
  const [profile, downloads] = ["profile", "downloads"].map((name) => join(folder, name));
  for (const path of [profile, downloads]) mkdirSync(path);
  writeFileSync(join(profile, "user.js"), preferences(downloads));
  const args = ["--marionette", "--headless", "--no-remote", "--profile", profile];
  const firefox = start(process.env.GRAYSAM_FIREFOX ?? "firefox-esr", args, { MOZ_CRASHREPORTER_DISABLE: "1" });
  const port = await firefox.until(() => {
    try {
      return Number(readFileSync(join(profile, "MarionetteActivePort"), "utf8")) || undefined;
    } catch {
      return undefined;
    }
  });
  const { send, close } = await connect(port);
  await send("WebDriver:NewSession", { capabilities: { alwaysMatch: {} } });
  return new Driven({
    downloads,
    errors: () => firefox.lines().filter((line) => PAGE_ERROR.test(line)),
    async send(command, parameters) {
      const answer = await send(`WebDriver:${command}`, parameters);
      return answer && "value" in answer ? answer.value : answer;
    },
    ended: () => firefox.ended(),
    async close() {
      close();
      await firefox.end();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  });
}

/** @param {string} downloads @returns {string} the profile's settings */
function preferences(downloads) {
  const values = {
    "marionette.port": 0,
    "browser.download.folderList": 2,
    "browser.download.dir": downloads,
    "devtools.console.stdout.content": true,
    "devtools.console.stdout.chrome": false,
    "browser.shell.checkDefaultBrowser": false,
    "datareporting.policy.dataSubmissionEnabled": false,
    "toolkit.telemetry.enabled": false,
    "app.update.enabled": false,
    "browser.aboutwelcome.enabled": false,
    "browser.startup.page": 0,
  };
  return Object.entries(values)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join("");
}

/** A connection to Marionette: each message is its length in bytes, a colon and JSON. @param {number} port */
async function connect(port) {
  const socket = createConnection(port, "127.0.0.1");
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const asked = new Map();
  /** @type {Buffer<ArrayBufferLike>} */
  let received = Buffer.alloc(0);
  /** The first message is a greeting. @type {() => void} */
  let greeted;
  const greeting = new Promise((resolve, reject) => {
    greeted = () => resolve(undefined);
    socket.once("error", reject);
  });
  socket.on("data", (/** @type {Buffer} */ data) => {
    received = Buffer.concat([received, data]);
    for (;;) {
      const colon = received.indexOf(":");
      const end = colon + 1 + Number(received.subarray(0, colon));
      if (colon < 0 || received.length < end) return;
      const message = JSON.parse(received.subarray(colon + 1, end).toString());
      received = received.subarray(end);
      if (!Array.isArray(message)) greeted();
      else answer(message);
    }
  });
  socket.on("close", () => {
    for (const { reject } of asked.values()) reject(new Error("Firefox has ended."));
  });

  /** @param {any[]} message */
  function answer([, id, error, value]) {
    const { resolve, reject } = asked.get(id) ?? {};
    asked.delete(id);
    if (error) reject?.(new Error(`${error.error}: ${error.message}`));
    else resolve?.(value);
  }

  let count = 0;
  await greeting;
  return {
    close: () => socket.destroy(),
    /** @param {string} command @param {object} parameters @returns {Promise<any>} */
    send(command, parameters) {
      const text = JSON.stringify([0, ++count, command, parameters]);
      return new Promise((resolve, reject) => {
        asked.set(count, { resolve, reject });
        socket.write(`${Buffer.byteLength(text)}:${text}`);
      });
    },
  };
}
