// Everything that a person can do to the document, at random.

import type { Point } from "../../www/document/geometry.js";
import { pack } from "../../www/document/runs.js";
import type { Tool } from "../../www/document/tool_state.js";
import type { ObjectAttributes } from "../../www/document/types.js";
import type { Prompt } from "../../www/engine/graysam.js";
import type { Desk } from "./desk.js";
import type { Random } from "./random.js";

type Act = (random: Random, desk: Desk) => void;

const COLOURS = ["#ff0000", "#00ff00", "#0000ff"];

function pointOf(random: Random, { info: { width, height } }: Desk): Point {
  return { x: random.next() * width, y: random.next() * height };
}

function promptOf(random: Random, desk: Desk): Prompt {
  const [a, b] = [pointOf(random, desk), pointOf(random, desk)];
  const box = { x0: Math.floor(Math.min(a.x, b.x)), y0: Math.floor(Math.min(a.y, b.y)) };
  const [x1, y1] = [Math.ceil(Math.max(a.x, b.x)), Math.ceil(Math.max(a.y, b.y))];
  switch (random.below(5)) {
    case 0:
      return { kind: "box", ...box, x1, y1 };
    case 1:
      return { kind: "mask", ...box, x1, y1, runs: [0, (x1 - box.x0) * (y1 - box.y0)] };
    default:
      return { kind: "point", ...a, positive: random.chance(0.8) };
  }
}

function anyObject(random: Random, { objects }: Desk) {
  const numbers = objects.labels?.numbers ?? [];
  return numbers.length > 0 ? random.of(numbers) : undefined;
}

function gesture(random: Random, desk: Desk, tool: Tool, moves: number) {
  const { labelTools, tools } = desk;
  labelTools.choose(tool);
  tools.setBrushSize(1 + random.below(5));
  labelTools.press(pointOf(random, desk), random.chance(0.5), 0);
  for (let i = 0; i < moves; i++) labelTools.move(pointOf(random, desk));
  labelTools.release(pointOf(random, desk));
  if (random.chance(0.5)) labelTools.choose("prompt");
}

function polygon(random: Random, desk: Desk) {
  desk.labelTools.choose("polygon");
  for (let corners = 2 + random.below(4); corners > 0; corners--) desk.labelTools.press(pointOf(random, desk), false, 0);
  desk.labelTools.accept();
  desk.labelTools.choose("prompt");
}

/** A map with some blocks of objects, some of them with a hole. */
function blocks(random: Random, { info: { width, height } }: Desk) {
  const ids = new Uint32Array(width * height);
  for (let id = 1 + random.below(3), i = 0; i < 3; i++, id += 1 + random.below(2)) {
    const [x0, y0, x1, y1] = [random.below(width), random.below(height), width, height];
    for (let y = y0; y < Math.min(y1, y0 + 4); y++) ids.fill(id, y * width + x0, y * width + Math.min(x1, x0 + 5));
    if (x0 + 3 < x1 && y0 + 2 < y1 && random.chance(0.5)) ids[(y0 + 1) * width + x0 + 2] = 0;
  }
  return ids;
}

function attributesOf(random: Random, { project, objects }: Desk): ObjectAttributes {
  const classes = [null, ...project.classes.peek().map(({ id }) => id)];
  return { ...objects.fresh(0.5), name: `read ${random.below(9)}`, classId: random.of(classes) };
}

function find(random: Random, desk: Desk) {
  const found = { runs: pack(blocks(random, desk)), attributes: new Map([[2, attributesOf(random, desk)]]) };
  void desk.objects.add("find all objects", found, 3);
  desk.objects.complete();
}

function change(random: Random, desk: Desk) {
  const { project, objects } = desk;
  const id = anyObject(random, desk);
  if (!id) return;
  const ids = project.selection.peek().size > 0 && random.chance(0.5) ? objects.selection : [id];
  const classes = [null, ...project.classes.peek().map((one) => one.id)];
  const changes: Partial<ObjectAttributes>[] = [
    { name: `name ${random.below(9)}` },
    { colour: random.of([null, ...COLOURS]) },
    { classId: random.of(classes) },
    { hidden: random.chance(0.5) },
    { locked: random.chance(0.5) },
  ];
  objects.change("change", ids, random.of(changes));
}

function changeClass(random: Random, { project, images }: Desk) {
  const classes = project.classes.peek();
  if (classes.length === 0) return;
  const one = random.of(classes);
  if (random.chance(0.3)) return images.removeClass(one.id);
  const changes = [
    { ...one, name: `class ${random.below(9)}` },
    { ...one, colour: random.of(COLOURS) },
  ];
  images.changeClass("change a class", random.of(changes));
}

function select(random: Random, desk: Desk) {
  const id = anyObject(random, desk);
  if (random.chance(0.2)) desk.objects.selectAll();
  else desk.objects.select(id ?? 0, random.chance(0.6));
}

/** With several objects selected, or all. */
function ofSelected(act: (desk: Desk) => void): Act {
  return (random, desk) => {
    select(random, desk);
    select(random, desk);
    act(desk);
  };
}

/** With a suggestion chosen, if there is one. */
function ofChosen(act: (desk: Desk) => void): Act {
  return (random, desk) => {
    if (random.chance(0.3)) desk.find(0.95);
    for (let steps = random.below(4); steps >= 0; steps--) desk.suggestions.step(1);
    act(desk);
  };
}

/** What is recorded in the history, with how often it is done. */
const EDITS: [weight: number, act: Act][] = [
  [8, (random, desk) => desk.prompts.add(promptOf(random, desk))],
  [10, (_, desk) => desk.labelTools.accept()],
  [2, (_, { prompts }) => prompts.takeBack()],
  [2, (_, { prompts }) => void prompts.clear()],
  [6, (random, { prompts }) => prompts.select(random.below(3))],
  [3, (random, desk) => desk.prompts.refine(anyObject(random, desk) ?? 0)],
  [10, (random, desk) => gesture(random, desk, "draw", random.below(3))],
  [6, (random, desk) => gesture(random, desk, "erase", random.below(3))],
  [4, (random, desk) => gesture(random, desk, "cut", 0)],
  [3, (random, desk) => gesture(random, desk, "select", 0)],
  [4, polygon],
  [3, ofSelected(({ objects }) => objects.merge())],
  [3, ofSelected(({ objects }) => objects.split())],
  [4, ofSelected(({ objects }) => objects.fillHoles())],
  [2, ofSelected(({ objects }) => objects.smooth())],
  [2, (random, desk) => desk.objects.remove([anyObject(random, desk) ?? 0])],
  [2, ofSelected(({ objects }) => objects.remove(objects.selection))],
  [6, change],
  [1, (random, desk) => desk.objects.replace("open labels", blocks(random, desk), new Map([[2, attributesOf(random, desk)]]))],
  [2, find],
  [4, ofChosen(({ suggestions }) => suggestions.keep())],
  [1, ofChosen(({ suggestions }) => suggestions.keepShown())],
  [4, ofChosen(({ suggestions }) => void suggestions.throwAway())],
  [3, ofChosen(({ suggestions }) => suggestions.correct())],
  [1, (_, { images }) => void images.addClass()],
  [2, changeClass],
  [2, (random, { images, project }) => imageOf(random, project.images.peek(), (image) => images.setDone(image, random.chance(0.6)))],
  [2, (random, desk) => desk.images.setDisplay(desk.placed({ gamma: random.of([1, 0.5, 2]), invert: random.chance(0.3) }))],
  [1, (random, { images, project }) => imageOf(random, project.images.peek(), (image) => images.remove(image))],
  [1, (random, { images, project }) => imageOf(random, project.images.peek(), ({ id }) => images.clearObjects(id))],
];

/** What changes the document besides: it is not undone. */
const OTHERS: [weight: number, act: Act][] = [
  [24, (_, desk) => desk.answer()],
  [8, select],
  [4, (random, desk) => desk.find(0.6 + 0.3 * random.next())],
  [1, (random, { project }) => (project.suggestions.threshold.value = random.next())],
  [3, (random, { project }) => (project.currentClass.value = random.of([null, ...project.classes.peek().map(({ id }) => id)]))],
  [3, (random, desk) => imageOf(random, desk.project.images.peek(), ({ source }) => desk.open(source))],
  [1, (random, { project }) => imageOf(random, project.images.peek(), ({ id }) => void project.setHeldOut(id, random.chance(0.5)))],
];

const ALL = [...EDITS, ...OTHERS].flatMap(([weight, act]) => Array<Act>(weight).fill(act));

function imageOf<T>(random: Random, images: readonly T[], act: (image: T) => void) {
  if (images.length > 0) act(random.of(images));
}

export function doAnything(random: Random, desk: Desk) {
  random.of(ALL)(random, desk);
}
