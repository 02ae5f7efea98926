// Everything stops at every operation of the storage in turn, and each time what was stored is there again.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { ProjectImage } from "../../www/document/project.js";
import { recordOf } from "../../www/document/suggestion.js";
import { ProjectKeeper } from "../../www/session/project_keeper.js";
import { Desk } from "./desk.js";
import { MemoryStorage, type MemoryTab, type Tear } from "./memory_storage.js";
import { pause } from "./stand_in_engine.js";

const [WIDTH, HEIGHT] = [6, 4];
/** What is in the files. */
const CONTENTS = new Map(["a", "b", "c", "stack"].map((name) => [name, `${name} `.repeat(100)]));

mock.timers.enable({ apis: ["setTimeout"] });

/** What an image has, as a text. */
function stateOf(image: ProjectImage) {
  return JSON.stringify([[...image.runs()], [...image.objects], image.rejected.map(recordOf)]);
}

/** All that each image has had, and how much of it was stored. */
class Account {
  /** By the ids of the images. */
  readonly states = new Map<string, string[]>();
  /** From which state on it has to come back; those without one may be missing. */
  readonly stored = new Map<string, number>();
  readonly names = new Map<string, string>();
  /** Images whose files were stored. */
  readonly filed = new Set<string>();
  /** Images that were taken out of the project. */
  readonly removed = new Set<string>();

  note(images: readonly ProjectImage[]) {
    for (const image of images) {
      const states = this.states.get(image.id) ?? [];
      this.states.set(image.id, states);
      this.names.set(image.id, image.source.name);
      const state = stateOf(image);
      if (states.at(-1) !== state) states.push(state);
    }
  }

  /** All of it is stored. */
  settle(images: readonly ProjectImage[]) {
    for (const { id, width, source } of images) {
      if (source.kind === "file" && !source.missing) this.filed.add(id);
      if (width > 0) this.stored.set(id, (this.states.get(id) ?? []).length - 1);
    }
  }
}

/** A page: the document, its commands, and what keeps it. */
class Page {
  readonly desk = new Desk(WIDTH, HEIGHT);
  readonly keeper;
  readonly #storage;
  readonly #account;
  readonly #tab;

  private constructor(storage: MemoryStorage, tab: MemoryTab, account: Account) {
    this.#storage = storage;
    this.#tab = tab;
    this.#account = account;
    const { project, draft, notices } = this.desk;
    this.keeper = new ProjectKeeper(project, draft, notices);
  }

  static async open(storage: MemoryStorage, account = new Account()) {
    const page = new Page(storage, storage.openTab(), account);
    let restored = false;
    void page.keeper.restored.then(() => (restored = true));
    while (!restored && !storage.stopped) await pause();
    if (!storage.stopped) page.keeper.draftRestored();
    await page.rest();
    return page;
  }

  /** Waits until nothing is being stored, or all has stopped. */
  async rest() {
    for (let quiet = 0; quiet < 3 && !this.#storage.stopped; quiet = this.keeper.storing ? 0 : quiet + 1) await pause();
  }

  get images() {
    return this.desk.project.images.peek();
  }

  image(name: string, page = 0) {
    return this.images.find(({ source }) => source.name === name && (source.page ?? 0) === page) ?? assert.fail(`there is no ${name}`);
  }

  /** Does something and waits until it is stored. @param stored whether it will be */
  async act(deed: () => unknown, stored = true) {
    if (this.#storage.stopped) return;
    this.#tab.use();
    await deed();
    if (stored) this.#account.note(this.images);
    await this.rest();
    if (this.#storage.stopped) return;
    if (!stored) return assert.ok(this.keeper.unsaved.peek(), "that it is not stored is told");
    assert.equal(this.keeper.unsaved.peek(), undefined);
    assert.ok(!this.keeper.atRisk);
    this.#account.settle(this.images);
  }

  open(name: string, page = 0) {
    const known = this.images.find(({ source }) => source.name === name && (source.page ?? 0) === page);
    const file = new Blob([CONTENTS.get(name) ?? ""]);
    const stack = this.images.find(({ source }) => source.name === name)?.source;
    this.desk.open(known?.source ?? (stack ? { ...stack, page } : { kind: "file", name, page, file }));
    return this.desk.settled();
  }

  /** Draws an object of its own on the open image. */
  draw(seed: number) {
    const ids = new Uint32Array(WIDTH * HEIGHT);
    for (let i = 0; i < ids.length; i++) ids[i] = (i * 7 + seed * 3) % 5 < 2 ? 1 + ((i + seed) % 3) : 0;
    this.desk.objects.replace("draw", ids);
  }

  close() {
    this.#tab.close();
  }
}

/** Several images, a stack, edits, undo, full storage, a second tab and a removed image. */
async function session(storage: MemoryStorage, account: Account) {
  let page = await Page.open(storage, account);
  const { desk } = page;
  const sources = ["a", "b", "c"].map((name) => ({ kind: "file" as const, name, file: new Blob([CONTENTS.get(name) ?? ""]) }));
  await page.act(() => desk.project.add(sources));
  await page.act(() => page.open("a"));
  await page.act(() => page.draw(1));
  await page.act(() => page.draw(2));
  await page.act(() => desk.history.undo());
  await page.act(() => desk.find());
  await page.act(() => {
    desk.suggestions.step(1);
    desk.suggestions.throwAway();
  });
  await page.act(() => page.open("stack", 0));
  await page.act(() => page.open("stack", 1));
  await page.act(() => page.draw(3));
  const { quota } = storage;
  storage.quota = 10;
  await page.act(() => {
    page.draw(4);
    account.note(page.images);
  }, false);
  storage.quota = quota;
  await page.act(() => page.draw(5));
  page = await secondTab(storage, account, page);
  await page.act(() => page.open("b"));
  await page.act(() => page.draw(7));
  await page.act(() => {
    account.removed.add(page.image("a").id);
    page.desk.images.remove(page.image("a"));
  });
  await page.act(() => page.desk.history.undo());
  await page.act(() => page.desk.images.remove(page.image("a")));
  page.close();
  page = await Page.open(storage, account);
  await page.act(() => page.open("b"));
  await page.act(() => page.draw(8));
}

/** A second tab that may not write, even after the first one is closed. @returns the page after a reload */
async function secondTab(storage: MemoryStorage, account: Account, first: Page) {
  if (storage.stopped) return first;
  const second = await Page.open(storage, new Account());
  if (storage.stopped) return first;
  assert.match(second.keeper.unsaved.peek() ?? "", /open in another tab/);
  await first.act(() => first.draw(6));
  await second.act(() => second.open("b"), false);
  await second.act(() => second.draw(9), false);
  if (storage.stopped) return first;
  assert.ok(second.keeper.atRisk);
  first.close();
  await second.act(() => second.draw(10), false);
  if (storage.stopped) return first;
  assert.match(second.keeper.unsaved.peek() ?? "", /export it, then reload/);
  second.close();
  return Page.open(storage, account);
}

async function check(storage: MemoryStorage, account: Account, where: string) {
  storage.restart();
  const page = await Page.open(storage, new Account());
  for (const [id, from] of account.stored) {
    const image = page.images.find((one) => one.id === id);
    if (!image && account.removed.has(id)) continue;
    assert.ok(image, `${where}: ${account.names.get(id)} is there; ${page.desk.notices.current.peek()?.sentence}`);
    assert.ok((account.states.get(id) ?? []).lastIndexOf(stateOf(image)) >= from, `${where}: ${image.name} has its objects`);
  }
  for (const image of page.images) {
    const { id, source, name } = image;
    assert.ok(source.kind === "file");
    if (account.filed.has(id)) assert.ok(!source.missing, `${where}: the file of ${name} is there`);
    if (!source.missing) assert.equal(await source.file.text(), CONTENTS.get(name), `${where}: the file of ${name} is whole`);
  }
  return page;
}

/** What came back can be worked on, and comes back once more. */
async function goOn(storage: MemoryStorage, page: Page, where: string) {
  const before = page.images.map((image) => [image.id, stateOf(image)]);
  page.close();
  const again = await Page.open(storage, new Account());
  assert.deepEqual(
    again.images.map((image) => [image.id, stateOf(image)]),
    before,
    `${where}: it comes back the same again`,
  );
  const opened = again.images.find(({ source }) => source.kind === "file" && !source.missing);
  if (!opened) return;
  await again.act(() => again.open(opened.name, opened.source.page));
  await again.act(() => again.draw(11));
  again.close();
  const last = await Page.open(storage, new Account());
  const state = last.images.find(({ id }) => id === opened.id);
  assert.equal(state && stateOf(state), stateOf(opened), `${where}: what is done then is stored`);
}

/** What a session leaves that stops at an operation. */
async function stoppedSession(operation: number, tear: Tear | undefined) {
  const storage = MemoryStorage.install();
  const account = new Account();
  storage.stopAt(operation, tear);
  await session(storage, account);
  assert.ok(storage.stopped);
  return { storage, account };
}

/** A visit after a stop that is stopped as well, while it stores what it found or what is done then. */
async function stopAgain(storage: MemoryStorage, account: Account, operation: number) {
  storage.restart();
  storage.stopAt(operation, "half");
  const page = await Page.open(storage, account);
  const labelled = page.images.find(({ objectCount, source }) => objectCount > 0 && source.kind === "file" && !source.missing);
  if (!labelled) return;
  await page.act(() => page.open(labelled.name, labelled.source.page));
  await page.act(() => page.draw(12));
}

/** The ways in which an operation is broken off. */
function tearsOf(operation: number): (Tear | undefined)[] {
  return [undefined, "half", operation % 2 === 0 ? "zeros" : "empty"];
}

test("everything stops at any operation, and what was stored is there again", async (t) => {
  const started = performance.now();
  const whole = MemoryStorage.install();
  await session(whole, new Account());
  const { operations } = whole;
  let stops = 0;
  for (let operation = 1; operation <= operations; operation++) {
    for (const tear of tearsOf(operation)) {
      const where = `operation ${operation}, ${tear ?? "not begun"}`;
      const fail = (error: Error) => assert.fail(`${where}: ${error.stack}`);
      const { storage, account } = await stoppedSession(operation, tear).catch(fail);
      const { stoppedWrite } = storage;
      const page = await check(storage, account, where).catch(fail);
      stops += 1;
      if (!tear && operation % 4 === 0) await goOn(storage, page, where).catch(fail);
      if (stoppedWrite === undefined) break;
    }
  }
  t.diagnostic(`${stops} stops in ${operations} operations, ${Math.round((performance.now() - started) / 1000)} s`);
});

/** The operations of a visit at which what was torn before is written anew, so far as it is; of others, one in turn. */
function secondStops(torn: string | undefined, operation: number) {
  if (torn?.endsWith(".json")) return [2, 4];
  return torn?.endsWith(".objects") ? [14, 15, 16] : [1 + (operation % 16)];
}

test("a visit after a torn write is stopped as well, and what was stored is there again", async (t) => {
  const whole = MemoryStorage.install();
  await session(whole, new Account());
  const { operations } = whole;
  let stops = 0;
  for (let operation = 1; operation <= operations; operation++) {
    const { stoppedWrite } = (await stoppedSession(operation, undefined)).storage;
    if (stoppedWrite === undefined) continue;
    for (const second of secondStops(stoppedWrite, operation)) {
      const where = `operation ${operation}, then operation ${second}`;
      const fail = (error: Error) => assert.fail(`${where}: ${error.stack}`);
      const { storage, account } = await stoppedSession(operation, "half").catch(fail);
      await stopAgain(storage, account, second).catch(fail);
      if (storage.stopped) stops += 1;
      await check(storage, account, where).catch(fail);
    }
  }
  t.diagnostic(`${stops} stops`);
});
