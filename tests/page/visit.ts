// A visit to the page without the page: a workbench with a stand-in engine, and what holds whenever both are at rest.

import assert from "node:assert/strict";

import { createWorkbench } from "../../www/commands/create.js";
import type { Workbench } from "../../www/commands/workbench.js";
import { channelsOf } from "../../www/document/channels.js";
import { sameRounds } from "../../www/document/draft.js";
import { ProjectImage } from "../../www/document/project.js";
import type { ImageSource } from "../../www/document/types.js";
import type { DeviceChoice } from "../../www/engine/graysam.js";
import type { ProjectKeeper } from "../../www/session/project_keeper.js";
import { MemoryStorage } from "./memory_storage.js";
import { planeOf } from "./shapes.js";
import { HEIGHT, pause, placeOf, WIDTH, type World } from "./stand_in_engine.js";

/** More requests than any visit needs. */
const TOO_MANY = 3000;
/** More milliseconds than anything here takes. */
const FOREVER = 60_000;

export function sourceOf(name: string): ImageSource & { kind: "file" } {
  return { kind: "file", name, file: new Blob([name]) };
}

/** An image with a block of two objects. */
export function labelledImage(name: string) {
  const runs = Uint32Array.of(WIDTH, 0, WIDTH, 1, WIDTH, 0, WIDTH, 2, (HEIGHT - 4) * WIDTH, 0);
  const display = { window: "percentile", black: 10, white: 240, gamma: 1, invert: false, colormap: "gray" } as const;
  return Object.assign(new ProjectImage(sourceOf(name), name), { width: WIDTH, height: HEIGHT, packed: runs, display });
}

export class Visit {
  readonly world;
  readonly bench: Workbench;
  readonly keeper: ProjectKeeper;
  /** Files that the person was handed. */
  readonly saved: { file: Blob; name: string }[] = [];
  /** Where the person has a file written to; undefined: the browser cannot ask. */
  stream: WritableStream | "cancelled" | undefined;
  static #storage: MemoryStorage;

  private constructor(world: World, device: DeviceChoice) {
    this.world = world;
    globalThis.fetch = async () => new Response("MobileSAM", { status: world.modelStatus });
    const browser = {
      save: (file: Blob, name: string) => void this.saved.push({ file, name }),
      persist: () => {},
      saveStream: async () => this.stream,
    };
    const { bench, keeper } = createWorkbench(device, browser, { makeEngine: world.make });
    this.bench = bench;
    this.keeper = keeper;
  }

  /** With empty storage. @param images the project's */
  static async begin(world: World, device: DeviceChoice = "cpu", images: ProjectImage[] = []) {
    Visit.#storage = MemoryStorage.install();
    const visit = new Visit(world, device);
    await visit.keeper.restored;
    visit.bench.project.restore({ images, classes: [], currentClass: null });
    visit.bench.session.start();
    return visit;
  }

  /** With what the visit before has stored. */
  static again(world: World) {
    Visit.#storage.restart();
    const visit = new Visit(world, "cpu");
    visit.bench.session.start();
    return visit;
  }

  /** In another tab than the visit before. */
  static async beside(world: World) {
    Visit.#storage.openTab();
    const visit = new Visit(world, "cpu");
    await visit.keeper.restored;
    visit.bench.session.start();
    return visit;
  }

  static async withoutStorage(world: World) {
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
    const visit = new Visit(world, "cpu");
    await visit.keeper.restored;
    visit.bench.session.start();
    return visit;
  }

  get storage() {
    return Visit.#storage;
  }

  get sentence() {
    return this.bench.notices.current.peek()?.sentence ?? "";
  }

  /** The mask on screen, WIDTH * HEIGHT. */
  get mask() {
    return planeOf(this.bench.draft.mask, WIDTH, HEIGHT);
  }

  /** Waits until it is so. */
  async until(what: string, reached: () => boolean) {
    // Files and digests are read by other threads, which a busy machine may keep waiting.
    const end = performance.now() + FOREVER;
    while (!reached()) {
      assert.ok(performance.now() < end, `waits for ever until ${what}; ${this.sentence}`);
      await pause();
    }
  }

  /** Waits until the stored project says so, with all files of its images. */
  async untilStored(text: string) {
    const files = () => this.storage.names("project").filter((name) => name.endsWith(".image")).length;
    await this.until("all files are stored", () => files() === this.bench.project.images.peek().length);
    while (!(await this.storage.text("project", "project.json")).includes(text)) await pause();
  }

  /** Waits until the session has nothing to do. */
  async rest() {
    const { session } = this.bench;
    for (let quiet = 0; quiet < 3;) {
      await pause();
      const works = session.scheduler.busy.peek() || session.training.phase === "training";
      quiet = works ? 0 : quiet + 1;
      if (this.world.requests.length < TOO_MANY) continue;
      this.world.silent = true;
      assert.fail(`never comes to rest: ${this.world.requests.slice(-12)}; ${this.sentence}`);
    }
  }

  /** The engine has what the document wants, and the page has the engine's answers. */
  checkAgreement() {
    const { session, project, draft } = this.bench;
    const { engine } = this.world;
    assert.ok(engine && !session.scheduler.stopped.peek());
    const [model, source, current] = [session.model.info.peek()?.name, session.image.source.peek(), project.current.peek()];
    const image = source && placeOf(source);
    assert.deepEqual([engine.model, engine.image], [model, image]);
    assert.equal(engine.instances !== undefined, session.model.info.peek()?.instances, "the decoder of instances");
    assert.equal(current && placeOf(current.source), image);
    if (!current) return assert.equal(session.state.peek(), "ready");
    assert.deepEqual(engine.channels, channelsOf(current.display), "the channels of the display are open");
    const shown = JSON.stringify([image, current.display]);
    assert.equal(engine.embedding, JSON.stringify([model, image, current.display]), "the embedding is of what is shown");
    assert.equal(new TextDecoder().decode(session.image.rendering.peek()?.image.planes[0]), shown, "what is shown was rendered");
    const { info, wanted, used } = session.decoder;
    assert.equal(engine.decoder !== undefined, info.peek() !== undefined, "the decoder");
    assert.deepEqual([engine.fineTuned, used.peek()], [info.peek() !== undefined && wanted.peek(), engine.fineTuned]);
    const rounds = draft.rounds.peek();
    assert.equal(session.state.peek(), rounds.length > 0 ? "masked" : "encoded");
    assert.equal(draft.answered.peek(), rounds.length > 0);
    this.#checkMask();
  }

  #checkMask() {
    const { session, draft } = this.bench;
    const { engine } = this.world;
    const rounds = draft.rounds.peek();
    if (!engine || rounds.length === 0) return;
    assert.ok(sameRounds(engine.answered, rounds), "the engine has answered all prompts");
    assert.ok(sameRounds(draft.answer.peek()?.rounds ?? [], rounds), "and its answer is here");
    if (!draft.corrections) assert.deepEqual(this.mask, engine.mask(rounds), "the mask");
    const comparing = session.decoder.comparing.peek() && engine.fineTuned;
    const beside = planeOf(session.compare.mask.peek(), WIDTH, HEIGHT);
    assert.deepEqual(beside, comparing ? engine.mask(rounds, false) : undefined, "the mask beside it");
  }
}
