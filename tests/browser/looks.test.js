// Whether everyone can use the page: what a screen reader gets, the keyboard alone, contrast in both looks, and the
// layout from a laptop to a 4K screen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { launch, openPage, waitState } from "./harness.js";

/** @typedef {import("./harness.js").Page} Page */
/** @typedef {{violations: {id: string, help: string, nodes: {html: string}[]}[], passes: {id: string}[]}} Audit */

const LIMIT = 180_000;
const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** A page with all of its panels in use. */
async function openBusyPage() {
  const { page } = await openPage(browser, "?device=cpu");
  await page.click("#open-sample");
  await page.click("#use-sample-labels");
  await page.waitForSelector("#objects li");
  await page.click("#classes-details summary");
  await page.click("#add-class");
  await page.click("#objects li:first-child .object-name");
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  await waitState(page, "encoded", LIMIT);
  return page;
}

/** What axe-core finds wrong, in sentences. @param {Page} page */
async function audit(page) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => /** @type {Promise<Audit>} */ (/** @type {any} */ (window).axe.run()));
  const passed = passes.map(({ id }) => id);
  for (const rule of ["color-contrast", "button-name", "label", "aria-valid-attr-value"]) {
    assert.ok(passed.includes(rule) || violations.some(({ id }) => id === rule), `${rule} was looked at`);
  }
  return violations.flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html.slice(0, 150)}`));
}

test("nothing lacks a name, a role or contrast, in the light and in the dark look", async () => {
  const page = await openBusyPage();
  for (const look of ["light", "dark"]) {
    await page.selectOption("#look", look);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), look);
    assert.deepEqual(await audit(page), [], `in the ${look} look`);
  }
  await page.screenshot({ path: "target/dark.png" });
  await page.reload();
  assert.equal(await page.getAttribute("html", "data-look"), "dark", "the look is kept");
  await page.selectOption("#look", "system");
  await page.emulateMedia({ colorScheme: "light" });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.emulateMedia({ colorScheme: "dark" });
  assert.notEqual(await background(), light);
});

test("the Tab key reaches every control, and each shows that it has the focus", async () => {
  const page = await openBusyPage();
  const wanted = await page.evaluate(() => {
    const controls = [...document.querySelectorAll("button, input, select, summary, canvas[tabindex]")];
    const reachable = controls.filter(
      (control) =>
        /** @type {HTMLElement} */ (control).checkVisibility() &&
        !control.matches(":disabled, [tabindex='-1']") &&
        !control.closest(":disabled"),
    );
    reachable.forEach((control, i) => control.setAttribute("data-control", String(i)));
    return reachable.length;
  });
  assert.ok(wanted > 40, `${wanted} controls`);
  const reached = new Set();
  const unseen = new Set();
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  for (let presses = 0; presses < 2 * wanted && reached.size < wanted; presses++) {
    await page.keyboard.press("Tab");
    const { control, name, outlined } = await page.evaluate(() => {
      const element = /** @type {HTMLElement} */ (document.activeElement);
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const outlined = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
      return { control: element.getAttribute("data-control"), name: element.id || element.outerHTML.slice(0, 80), outlined };
    });
    if (control !== null) reached.add(control);
    if (control !== null && !outlined) unseen.add(name);
  }
  const missed = await page.evaluate(
    (reached) =>
      [...document.querySelectorAll("[data-control]")]
        .filter((c) => !reached.includes(c.getAttribute("data-control") ?? ""))
        .map((c) => c.id || c.outerHTML.slice(0, 80)),
    [...reached],
  );
  assert.deepEqual(missed, []);
  assert.deepEqual([...unseen], []);
});

test("the layout holds from a narrow laptop to a 4K screen", async () => {
  const page = await openBusyPage();
  for (const [width, height] of [
    [1024, 640],
    [1366, 768],
    [1920, 1080],
    [2560, 1440],
    [3840, 2160],
  ]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(300);
    const found = await page.evaluate(() => {
      const canvas = document.getElementById("canvas")?.getBoundingClientRect() ?? new DOMRect();
      const outside = [...document.querySelectorAll("header *, .toolbar *, footer *, aside *")].filter((element) => {
        const { left, right, width } = element.getBoundingClientRect();
        return width > 0 && !element.closest("[hidden], .visually-hidden") && (left < -1 || right > innerWidth + 1);
      });
      return {
        scrolls: document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight,
        canvas: (canvas.width * canvas.height) / (innerWidth * innerHeight),
        outside: outside.map((element) => element.id || element.outerHTML.slice(0, 80)),
        text: parseFloat(getComputedStyle(document.documentElement).fontSize),
      };
    });
    const at = `at ${width} × ${height}: ${JSON.stringify(found)}`;
    assert.equal(found.scrolls, false, at);
    assert.ok(found.canvas > 0.4, at);
    assert.deepEqual(found.outside, [], at);
    assert.ok(found.text >= 14 && found.text >= width / 200, at);
  }
});
