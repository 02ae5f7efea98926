import assert from "node:assert/strict";
import { test } from "node:test";

import { ariaKey, type Command, namesOf, Registry, shown } from "../../www/commands/registry.js";
import { pageRegistry } from "./commands.js";

function press(key: string, ...modifiers: ("ctrl" | "meta" | "shift" | "alt" | "graph")[]) {
  const held = (modifier: (typeof modifiers)[number]) => modifiers.includes(modifier);
  return {
    key,
    ctrlKey: held("ctrl"),
    metaKey: held("meta"),
    shiftKey: held("shift"),
    altKey: held("alt"),
    getModifierState: (name: string) => name === "AltGraph" && held("graph"),
  };
}

function command(id: string, ...keys: string[]): Command {
  return { id, label: `Do ${id}`, keys, run: () => id };
}

test("a key press has the names of its modifiers", () => {
  assert.deepEqual(namesOf(press("z", "ctrl")), ["Ctrl+Z"]);
  assert.deepEqual(namesOf(press("Z", "meta", "shift")), ["Ctrl+Shift+Z"]);
  assert.deepEqual(namesOf(press("n")), ["N"]);
  assert.deepEqual(namesOf(press("N", "shift")), ["Shift+N", "N"]);
  assert.deepEqual(namesOf(press("+", "shift")), ["Shift++", "+"]);
  assert.deepEqual(namesOf(press("ArrowLeft", "shift")), ["Shift+ArrowLeft", "ArrowLeft"]);
  assert.deepEqual(namesOf(press("d", "alt")), [], "Alt belongs to the browser");
  // Windows holds Ctrl and Alt for AltGraph.
  assert.deepEqual(namesOf(press("[", "ctrl", "alt", "graph")), ["["]);
  const { getModifierState: _, ...plain } = press("a", "ctrl");
  assert.deepEqual(namesOf(plain), ["Ctrl+A"]);
});

test("two commands with one key, or with one name, are refused", () => {
  assert.throws(() => new Registry([command("one", "A"), command("two", "B", "A")]), /A is the key of one and of two/);
  assert.throws(() => new Registry([command("one", "A"), command("one", "B")]), /two commands one/);
  const registry = new Registry([command("one", "A")]);
  assert.equal(registry.get("one").label, "Do one");
  assert.throws(() => registry.get("two"), /no command two/);
});

test("a key finds the command that is possible where the focus is", () => {
  let possible = true;
  const registry = new Registry([
    command("undo", "Ctrl+Z"),
    { ...command("fit", "0"), canvasOnly: true },
    { ...command("split", "T"), possible: () => possible },
    command("previous", "Shift+N"),
    command("next", "N"),
  ]);
  const find = (pressed: Parameters<typeof namesOf>[0], onCanvas = false) => registry.find(pressed, onCanvas)?.id;
  assert.equal(find(press("z", "ctrl")), "undo");
  assert.equal(find(press("z")), undefined);
  assert.deepEqual([find(press("0")), find(press("0"), true)], [undefined, "fit"]);
  assert.deepEqual([find(press("n")), find(press("N", "shift"))], ["next", "previous"]);
  assert.equal(find(press("t")), "split");
  possible = false;
  assert.equal(find(press("t")), undefined);
});

test("keys are shown, and announced, by their names", () => {
  assert.deepEqual(["Ctrl+Z", "ArrowLeft", "Shift+ArrowUp", "PageDown", "Ctrl++", "+", " "].map(shown), [
    "Ctrl+Z",
    "←",
    "Shift+↑",
    "Page Down",
    "Ctrl++",
    "+",
    "Space",
  ]);
  assert.equal(ariaKey("Ctrl+Shift+Z"), "Control+Shift+Z");
});

/** What stands for several keys in the help. */
const RANGES: Record<string, string[]> = {
  "1 to 9": Array.from({ length: 9 }, (_, i) => String(i + 1)),
  "Arrow keys": ["←", "→", "↑", "↓"],
  "+ and −, 0, O": ["+", "-", "0", "O"],
  "[ and ]": ["[", "]"],
  ", and .": [",", "."],
};

test("the help has every command with a key, once", () => {
  const registry = pageRegistry();
  const listed = registry.help.flatMap(({ keys }) => RANGES[keys] ?? keys.split(/, | or /));
  assert.equal(new Set(listed).size, listed.length, "no key stands there twice");
  const crosshair = /^crosshair\.far/;
  for (const { id, keys } of registry.commands) {
    if (!keys || crosshair.test(id)) continue;
    assert.equal(listed.filter((key) => key === shown(keys[0])).length, 1, `${id} with ${keys[0]}`);
  }
  for (const { text } of registry.help) assert.match(text, /^[a-z1]/);
});
