import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../www/document/history.js";
import { heldOutOf } from "../../www/document/project.js";

test("the history goes back over images, and leaves out prompts of images that were left", async () => {
  const log: string[] = [];
  let open = "a";
  const history = new History(
    () => open,
    async (image) => {
      log.push(`open ${image}`);
      open = image;
      return true;
    },
  );
  const edit = (label: string, transient = false) => {
    history.push({ label, image: open, transient, undo: () => log.push(`undo ${label}`), redo: () => log.push(`redo ${label}`) });
  };
  edit("draw");
  edit("prompt", true);
  open = "b";
  edit("erase");
  await history.undo();
  await history.undo();
  await history.undo();
  assert.deepEqual(log.splice(0), ["undo erase", "open a", "undo draw"]);
  await history.redo();
  await history.redo();
  assert.deepEqual(log.splice(0), ["redo draw", "open b", "redo erase"]);
  await history.undo();
  edit("paint");
  assert.equal(history.next.value, undefined, "a new edit ends what could be redone");
});

test("an edit waits for its image, and stays where that cannot be opened", async () => {
  let open = "a";
  const opening: ((opened: boolean) => void)[] = [];
  const history = new History(
    () => open,
    () => new Promise((settle) => opening.push(settle)),
  );
  const log: string[] = [];
  history.push({ label: "draw", image: "a", undo: () => log.push("undo"), redo: () => log.push("redo") });
  open = "b";
  const first = history.undo();
  opening[0](false);
  await first;
  assert.deepEqual([history.last.value, history.next.value, log], ["draw", undefined, []]);
  const second = history.undo();
  opening[1](true);
  await second;
  assert.deepEqual([history.last.value, history.next.value, log], [undefined, "draw", ["undo"]]);
});

test("what is asked for while an image opens is done when it is there", async () => {
  let open = "b";
  const opening: (() => void)[] = [];
  const history = new History(
    () => open,
    (image) => new Promise((settle) => opening.push(() => settle(((open = image), true)))),
  );
  const log: string[] = [];
  for (const label of ["1", "2", "3"]) {
    history.push({ label, image: "a", undo: () => log.push(`undo ${label}`), redo: () => log.push(`redo ${label}`) });
  }
  const first = history.undo();
  for (const how of ["undo", "undo", "redo"] as const) await history[how]();
  assert.deepEqual([opening.length, log], [1, []], "the image is opened once");
  opening[0]();
  await first;
  assert.deepEqual(log, ["undo 3", "undo 2", "undo 1", "redo 1"]);
  assert.deepEqual([history.last.value, history.next.value], ["1", "2"]);
});

test("what is asked for while an image is opened in vain is dropped with it", async () => {
  const opening: ((opened: boolean | undefined) => void)[] = [];
  const history = new History(
    () => "b",
    () => new Promise((settle) => opening.push(settle)),
  );
  history.push({ label: "add a class", image: undefined, undo: () => assert.fail("it was dropped"), redo: () => {} });
  history.push({ label: "draw", image: "a", undo: () => assert.fail("its image is not open"), redo: () => {} });
  for (const opened of [undefined, undefined, false]) {
    const first = history.undo();
    await history.undo();
    opening.pop()?.(opened);
    await first;
    assert.equal(opening.length, 0);
  }
});

test("an edit of no image, and a prompt on the open one, are undone at once", async () => {
  const log: string[] = [];
  const history = new History(
    () => "a",
    async () => assert.fail("no image has to be opened"),
  );
  for (const [label, image] of [
    ["add a class", undefined],
    ["prompt", "a"],
  ] as const) {
    const transient = image !== undefined;
    history.push({ label, image, transient, undo: () => log.push(`undo ${label}`), redo: () => log.push(`redo ${label}`) });
  }
  await history.undo();
  assert.deepEqual([history.last.value, history.next.value], ["add a class", "prompt"]);
  await history.undo();
  await history.redo();
  await history.redo();
  await history.redo();
  assert.deepEqual(log, ["undo prompt", "undo add a class", "redo add a class", "redo prompt"]);
});

test("the last quarter of the images is held out, and never all", () => {
  const unchosen = (count: number) => heldOutOf(Array<undefined>(count).fill(undefined));
  assert.deepEqual(unchosen(1), [false]);
  assert.deepEqual(unchosen(2), [false, true]);
  assert.deepEqual(unchosen(6), [false, false, false, false, true, true]);
  assert.deepEqual(heldOutOf([true, undefined]), [true, false]);
  assert.deepEqual(heldOutOf([undefined, undefined, false]), [false, false, false]);
  assert.deepEqual(heldOutOf([true, true]), [false, true]);
});
