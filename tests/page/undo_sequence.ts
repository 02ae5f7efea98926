// One random sequence of commands, undone and redone: each state before a command comes back, and each one after it.

import assert from "node:assert/strict";

import type { Edit } from "../../www/document/history.js";
import { type OpenImage, ProjectImage } from "../../www/document/project.js";
import { Desk } from "./desk.js";
import { Random } from "./random.js";
import { doAnything } from "./random_commands.js";
import { type Snapshot, snapshotOf } from "./snapshot.js";

const [WIDTH, HEIGHT] = [12, 10];

interface Moment extends Snapshot {
  /** How many images had been opened. */
  opening: number;
  /** How often the rest had been searched for. */
  searches: number;
}

interface Entry {
  edit: Edit;
  before: Moment;
  after: Moment;
}

/** The locked objects' numbers where they are. */
interface LockedPixels {
  current: OpenImage;
  pixels: Uint32Array;
}

const NO_DRAFT = JSON.stringify([null, 0]);

/** The draft comes back with what it became, or was thrown away with, and is taken back, even where its image was left. */
function bringsDraft({ edit, before, after }: Entry) {
  // A suggestion goes with the prompts that correct it, and with no others.
  const ofSuggestions = /^(keep|throw) /.test(edit.label);
  return edit.label === "accept the mask" || edit.label === "refine the object" || (ofSuggestions && before.draft !== after.draft);
}

export class Sequence {
  readonly log: string[] = [];
  #random;
  #desk = new Desk(WIDTH, HEIGHT);
  #images;
  #pushed: Edit[] = [];
  /** The edit that the history has undone or redone. */
  #moved: Edit | undefined;
  #done: Entry[] = [];
  #undone: Entry[] = [];
  /** The mask of each draft, which is the same whenever that comes back. */
  #masks = new Map<string, string>();

  constructor(seed: number) {
    this.#random = new Random(seed);
    const sources = ["a", "b", "c"].map((name) => ({ kind: "file", name, file: new Blob([name]) }) as const);
    this.#images = sources.map((source) => new ProjectImage(source, source.name));
    const classes = [{ id: "k", name: "cell", colour: "#ff8800" }];
    this.#desk.project.restore({ images: this.#images, classes, currentClass: null });
    this.#desk.onPush((edit) => {
      this.#pushed.push(edit);
      for (const how of ["undo", "redo"] as const) {
        const move = edit[how].bind(edit);
        edit[how] = () => {
          this.#moved = edit;
          move();
        };
      }
    });
  }

  async run() {
    // An image gets its size when it is opened for the first time.
    for (const image of this.#images) this.#desk.open(image.source);
    await this.#desk.settled();
    for (let commands = 6 + this.#random.below(16); commands > 0; commands--) {
      if (this.#random.chance(0.1)) await this.#moveSome();
      await this.#command();
    }
    while (await this.#move("undo"));
    while (await this.#move("redo"));
    while (await this.#move("undo"));
  }

  async #moveSome() {
    const how = this.#random.chance(0.6) ? "undo" : "redo";
    for (let moves = 1 + this.#random.below(4); moves > 0; moves--) await this.#move(how);
  }

  #moment(): Moment {
    const snapshot = snapshotOf(this.#desk, this.#images);
    const { draft, mask } = snapshot;
    if (mask !== undefined) {
      assert.equal(mask, this.#masks.get(draft) ?? mask, "the same draft has the same mask");
      this.#masks.set(draft, mask);
    }
    this.#checkCounts();
    return { ...snapshot, opening: this.#desk.openings, searches: this.#desk.searches };
  }

  async #command() {
    const before = this.#moment();
    const kept = this.#lockedPixels();
    doAnything(this.#random, this.#desk);
    await this.#desk.settled();
    const after = this.#moment();
    const [edit, ...others] = this.#pushed.splice(0);
    this.log.push(edit?.label ?? "-");
    assert.equal(others.length, 0, "a command is one edit");
    this.#checkLocked(kept);
    if (!edit) return assert.equal(after.project, before.project, "what changes the project is recorded");
    this.#done.push({ edit, before, after });
    this.#undone = [];
  }

  /** @returns whether anything was moved */
  async #move(how: "undo" | "redo") {
    const [from, to] = how === "undo" ? [this.#done, this.#undone] : [this.#undone, this.#done];
    const start = this.#moment();
    this.#moved = undefined;
    await this.#desk.history[how]();
    await this.#desk.settled();
    const end = this.#moment();
    assert.equal(this.#pushed.length, 0, `${how} records nothing`);
    const place = from.findLastIndex(({ edit }) => edit === this.#moved);
    const entry = from[place];
    this.log.push(`${how} ${entry?.edit.label ?? "nothing"}`);
    for (const { edit } of from.slice(place + 1)) assert.ok(edit.transient, `${how} left out: ${edit.label}`);
    if (entry) {
      from.splice(place);
      to.push(entry);
      this.#compare(how, entry, start, end);
    } else {
      assert.equal(end.project, start.project);
      assert.equal(end.draft, start.draft);
    }
    return entry !== undefined;
  }

  #compare(how: "undo" | "redo", entry: Entry, start: Moment, end: Moment) {
    const [source, target] = how === "undo" ? [entry.after, entry.before] : [entry.before, entry.after];
    assert.equal(end.project, target.project, `the project after ${how}`);
    if (target.searches === end.searches) assert.equal(end.suggestions, target.suggestions, `the suggestions after ${how}`);
    assert.equal(end.choices.heldOut, start.choices.heldOut);
    const ofClasses = entry.edit.label.includes("class") && entry.edit.image === undefined;
    assert.equal(end.choices.currentClass, (ofClasses ? target : start).choices.currentClass, "the current class");
    if (entry.edit.transient) assert.equal(start.draft, source.draft, `${how} moves only what is there`);
    const same = entry.edit.transient || bringsDraft(entry) || end.opening === target.opening;
    const reopened = end.opening !== start.opening;
    assert.equal(end.draft, same ? target.draft : reopened ? NO_DRAFT : start.draft, `the draft after ${how}`);
  }

  #lockedPixels(): LockedPixels | undefined {
    const current = this.#desk.project.current.peek();
    if (!current) return;
    const pixels = current.labels.ids.map((id) => (current.labels.locked(id) ? id : 0));
    return { current, pixels };
  }

  #checkLocked(kept: LockedPixels | undefined) {
    if (!kept || this.#desk.project.current.peek() !== kept.current) return;
    const { labels } = kept.current;
    kept.pixels.forEach((id, i) => id && labels.locked(id) && assert.equal(labels.ids[i], id, "a locked object keeps its pixels"));
  }

  #checkCounts() {
    const current = this.#desk.project.current.peek();
    if (!current) return;
    const { labels, objects } = current;
    const areas = new Map<number, number>();
    for (const id of labels.ids) if (id) areas.set(id, (areas.get(id) ?? 0) + 1);
    assert.equal(labels.objects, areas.size);
    for (const [id, area] of areas) assert.equal(labels.areaOf(id), area);
    for (const id of objects.keys()) assert.ok(areas.has(id), "what is known is known of an object");
  }
}
