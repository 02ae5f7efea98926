// A browser that is driven by the commands of W3C WebDriver, as a person works it, by whatever way they reach it.

import { writeFileSync } from "node:fs";

/** @typedef {"Navigate" | "ExecuteAsyncScript" | "PerformActions" | "SetWindowRect" | "TakeScreenshot"} Command */

/**
 * What differs between browsers.
 * @typedef {object} Driver
 * @property {(command: Command, parameters: object) => Promise<any>} send gives the command's value
 * @property {string} downloads the folder into which the browser saves
 * @property {() => string[]} errors what was written to the console as an error so far, uncaught ones too
 * @property {() => boolean} ended by itself
 * @property {() => Promise<void>} close
 */

const STEP = 200;
/** A page that is being loaded answers no script. */
const LIMIT = 180_000;

export class Driven {
  #driver;

  /** @param {Driver} driver */
  constructor(driver) {
    this.#driver = driver;
  }

  get downloads() {
    return this.#driver.downloads;
  }

  get errors() {
    return this.#driver.errors();
  }

  close() {
    return this.#driver.close();
  }

  /** @param {number} width @param {number} height of the window, in pixels */
  async resize(width, height) {
    await this.#driver.send("SetWindowRect", { x: 0, y: 0, width, height });
  }

  /** @param {string} url */
  async open(url) {
    await this.#driver.send("Navigate", { url });
  }

  /** Reloads the page as a person does. WebDriver's own command passes the service worker over in Firefox. */
  async reload() {
    await this.evaluate(() => {
      document.documentElement.dataset.left = "yes";
      setTimeout(() => location.reload());
    });
    await this.until("it is loaded again", () => document.readyState === "complete" && document.documentElement.dataset.left !== "yes");
  }

  /**
   * What a function gives that is called in the page.
   * @template {unknown[]} A
   * @template T
   * @param {(...args: A) => T} task which knows nothing of its surroundings here
   * @param {A} args which JSON can express, as the result must be
   * @returns {Promise<Awaited<T>>}
   */
  async evaluate(task, ...args) {
    const script = `const [args, done] = arguments;
      new Promise((resolve) => resolve((${task})(...args))).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const answer = await this.#driver.send("ExecuteAsyncScript", { script, args: [args] });
    if (answer.error) throw new Error(answer.error);
    return answer.value;
  }

  /**
   * Waits until a function gives something true in the page, which may be loaded anew meanwhile.
   * @template {unknown[]} A
   * @param {string} what for whom it does not
   * @param {(...args: A) => unknown} condition
   * @param {A} args
   */
  async until(what, condition, ...args) {
    const end = Date.now() + LIMIT;
    for (let failure; ;) {
      try {
        if (await this.evaluate(condition, ...args)) return;
        failure = undefined;
      } catch (error) {
        failure = error;
      }
      if (Date.now() > end || this.#driver.ended()) {
        const text = await this.evaluate(() => document.body.innerText).catch(String);
        throw new Error(`Waited in vain until ${what}. The page says: ${text}`, { cause: failure });
      }
      await new Promise((resolve) => setTimeout(resolve, STEP));
    }
  }

  /** The text of an element. @param {string} id */
  text(id) {
    return this.evaluate((id) => document.getElementById(id)?.textContent ?? "", id);
  }

  /** Clicks a point of the window. @param {{x: number, y: number}} point in CSS pixels */
  async clickAt({ x, y }) {
    const steps = [
      { type: "pointerMove", duration: 0, origin: "viewport", x: Math.round(x), y: Math.round(y) },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ];
    await this.#act({ type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions: steps });
  }

  /** Clicks the middle of an element. @param {string} id */
  async click(id) {
    const point = await this.evaluate((id) => {
      const element = document.getElementById(id);
      element?.scrollIntoView({ block: "nearest" });
      const { left, top, width, height } = element?.getBoundingClientRect() ?? new DOMRect();
      return { x: left + width / 2, y: top + height / 2 };
    }, id);
    await this.clickAt(point);
  }

  /** @param {string} key as WebDriver names it */
  async press(key) {
    const steps = [
      { type: "keyDown", value: key },
      { type: "keyUp", value: key },
    ];
    await this.#act({ type: "key", id: "keyboard", actions: steps });
  }

  /** @param {object} source */
  async #act(source) {
    await this.#driver.send("PerformActions", { actions: [source] });
  }

  /** @param {string} path of the PNG to be written */
  async screenshot(path) {
    const answer = await this.#driver.send("TakeScreenshot", { full: false, hash: false });
    writeFileSync(path, Buffer.from(answer, "base64"));
  }
}
