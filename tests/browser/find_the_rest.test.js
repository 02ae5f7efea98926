// Three objects are labelled and the rest is found, kept, corrected and thrown away.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { LIMIT, counts, downloadedLabels, found, labelThree } from "./finding.js";
import { clickImage, launch, openPage, waitState } from "./harness.js";
import { objectsOf } from "./sample.js";

/** @type {import("./harness.js").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Nuclei that an object has an IoU of at least a half with. @param {ArrayLike<number>} objects @param {ArrayLike<number>} labels */
function matched(objects, labels) {
  const counts = () => /** @type {Map<number, number>} */ (new Map());
  const [areas, trueAreas, common] = [counts(), counts(), counts()];
  const add = (/** @type {Map<number, number>} */ map, /** @type {number} */ key) => map.set(key, (map.get(key) ?? 0) + 1);
  for (let i = 0; i < objects.length; i++) {
    if (objects[i]) add(areas, objects[i]);
    if (labels[i]) add(trueAreas, labels[i]);
    if (objects[i] && labels[i]) add(common, objects[i] * 65536 + labels[i]);
  }
  const good = [...common].filter(([pair, both]) => {
    const either = (areas.get(Math.floor(pair / 65536)) ?? 0) + (trueAreas.get(pair % 65536) ?? 0) - both;
    return both / either >= 0.5;
  });
  return { nuclei: trueAreas.size, objects: areas.size, good: good.length };
}

test("three nuclei are labelled, the rest is found, and what is kept and thrown away teaches", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  assert.ok(await page.isDisabled("#find-rest"));
  const { labels } = await labelThree(page);
  assert.match((await page.textContent("#status")) ?? "", /Press Find the rest/);
  await page.click("#find-rest");
  // A click is answered meanwhile.
  const [first] = objectsOf(labels).sort((a, b) => b.area - a.area);
  await clickImage(page, first.x / first.area, first.y / first.area);
  await waitState(page, "masked", LIMIT);
  await page.keyboard.press("Escape");
  await found(page);
  const before = await counts(page);
  assert.ok(before.shown > 20, JSON.stringify(before));
  assert.match((await page.textContent("#rest-quality")) ?? "", /^Of 3 labelled objects, held out in turn, .* 3 objects are few/);

  // The slider acts on what is there.
  await page.fill("#sureness", "0");
  assert.equal((await counts(page)).shown, before.all);
  await page.fill("#sureness", "1");
  assert.ok((await counts(page)).shown <= before.shown);
  await page.fill("#sureness", "0.5");

  await page.focus("#canvas");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  assert.match((await page.textContent("#chosen-suggestion")) ?? "", /^No\. 1, sure to \d+ %$/);
  await page.keyboard.press("Enter");
  assert.equal(await page.textContent("#object-count"), "4");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Delete");
  assert.equal(await page.textContent("#object-count"), "4");
  const left = await counts(page);
  assert.equal(left.all, before.all - 3);
  await page.keyboard.press("Control+z");
  assert.equal((await counts(page)).all, left.all + 1, "undo gives it back");
  await page.keyboard.press("Control+Shift+z");

  await page.keyboard.press("l");
  await found(page);
  await page.waitForFunction(() => document.getElementById("rest-quality")?.textContent?.startsWith("Of 4 labelled objects"));
  assert.match((await page.textContent("#rest-quality-before")) ?? "", /^Before this round: of 3/);
  await page.click("#keep-shown");
  const { nuclei, objects, good } = matched((await downloadedLabels(page)).data, labels.data);
  console.log(`${good} of ${nuclei} nuclei have an object, of ${objects}, with an IoU of at least a half`);
  // The four that were labelled or kept before do not count.
  const ap50 = (good - 4) / (nuclei + objects - good - 4);
  assert.ok(ap50 >= 0.85, `AP50 ${ap50}`);
  await page.keyboard.press("Control+z");
  assert.equal(await page.textContent("#object-count"), "4", "all are one deed");
  assert.deepEqual(observed.errors, []);
});

test("a suggestion is corrected by prompts: its mask is the first one", async () => {
  const { page, observed } = await openPage(browser, "?device=cpu");
  await labelThree(page);
  await page.click("#find-rest");
  await found(page);
  const before = await counts(page);
  await page.keyboard.press("r");
  await waitState(page, "masked", LIMIT);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.getElementById("object-count")?.textContent === "4");
  assert.equal((await counts(page)).all, before.all - 1);
  await page.keyboard.press("Control+z");
  assert.equal((await counts(page)).all, before.all);
  assert.deepEqual(observed.errors, []);
});
