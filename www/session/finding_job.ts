// Learning from the labelled objects of the open image and finding the rest there, and the search of all other images
// with what was learned. Both go a piece of work at a time, so that clicks are answered in between.

import { batch, computed, effect, signal, untracked } from "../vendor/signals-core.js";
import type { Notices } from "../document/notices.js";
import { type Project, type ProjectImage, sameDisplay } from "../document/project.js";
import { maskOf, suggestionsOf } from "../document/suggestion.js";
import type { Learned } from "../document/suggestions.js";
import type { MaskRegion } from "../document/types.js";
import { CrashError, type Engine } from "../engine/client.js";
import type { Display, FindingStep } from "../engine/graysam.js";
import type { FoundSuggestions } from "../engine/methods.js";
import { usualDisplay } from "./background_jobs.js";
import type { ImageJob } from "./image_job.js";
import type { Job, Step } from "./job.js";
import type { ModelJob } from "./model_job.js";

/** Crashes in a row after which an image is given up. */
const CRASHES_IN_A_ROW = 3;

export interface FindingProgress {
  /** The image that is searched. */
  name: string;
  /** 0..1 */
  fraction: number;
}

/** What is learned from, as it was when the person asked for it. */
interface Lesson {
  objects: number;
  classId: string | null;
  rejected: MaskRegion[];
}

/** An image that is to be searched. */
interface Task {
  image: ProjectImage;
  /** Of the image. */
  revision: number;
  display: Display;
  runs: Uint32Array;
  /** Undefined: it is searched with what was learned before. */
  lesson: Lesson | undefined;
  /** What was learned before. */
  learned: Learned | undefined;
  /** The person looks at it, and waits. */
  awaited: boolean;
}

export class FindingJob implements Job {
  /** How far the search of an image is; undefined: none is searched. */
  readonly progress = signal<FindingProgress | undefined>(undefined);
  /** All images are being searched. */
  readonly everywhere = signal(false);
  /** Why images could not be searched, as sentences by the images' ids. */
  readonly leftOut = signal<ReadonlyMap<string, string>>(new Map());
  /** The images that have not been searched with what was learned. */
  readonly left = computed(() => {
    const { learned, changes } = this.#project.suggestions;
    void changes.value;
    const by = learned.value?.id;
    return this.#searchable.value.filter(({ id, searchedBy }) => searchedBy !== by && !this.leftOut.value.has(id));
  });
  /** Images whose file is here. */
  readonly #searchable = computed(() => this.#project.images.value.filter(({ source }) => source.kind === "sample" || !source.missing));
  /** How many images can be searched. */
  readonly all = computed(() => this.#searchable.value.length);
  /** What is asked for is being done, or will be. */
  readonly running = computed(() => this.everywhere.value || this.#task.value !== undefined);

  /** The other images, for when nothing else is to be done. */
  readonly elsewhere: Job = { next: (engine) => this.#nextElsewhere(engine) };

  #project;
  #model;
  #image;
  #notices;
  #usual;
  #advanced;
  #task = signal<Task | undefined>(undefined);
  /** What the engine has begun. */
  #begun = signal<Task | undefined>(undefined);
  /** The engine has done all of it. */
  #searched = signal(false);
  /** A file that is to be opened. */
  #opening = signal<Blob | undefined>(undefined);
  /** What the engine has learned or opened. */
  #known = signal<Blob | undefined>(undefined);
  /** Of the image that was learned from, as it was then. */
  #taughtRevision = 0;
  #crashes = 0;

  /**
   * @param usual the engine's default display
   * @param advanced called when an image is done
   */
  constructor(project: Project, model: ModelJob, image: ImageJob, notices: Notices, usual: () => Display, advanced: () => void) {
    this.#project = project;
    this.#model = model;
    this.#image = image;
    this.#notices = notices;
    this.#usual = usual;
    this.#advanced = advanced;
    effect(() => {
      const task = this.#task.value;
      if (!task) return;
      // What was learned belongs to a model, and what is learned to the open image as it is displayed.
      if (model.requested.value) untracked(() => this.#interrupt("another model was opened"));
      else if (!task.lesson && project.suggestions.learned.value !== task.learned) untracked(() => this.#overtaken(task));
      else if (!task.awaited) return;
      else if (image.requested.value) untracked(() => this.#interrupt("another image was opened"));
      else if (!sameDisplay(image.display.value, task.display)) untracked(() => this.#interrupt("the display was changed"));
    });
  }

  /** Whether there is something to find the rest with. */
  get possible() {
    return this.teaches || this.#project.suggestions.learned.value !== undefined;
  }

  /** The open image has objects to learn from, as many as what was learned elsewhere. */
  get teaches() {
    void this.#project.objectChanges.value;
    const { current, suggestions } = this.#project;
    const [image, learned] = [current.value, suggestions.learned.value];
    if (!image || image.objectCount === 0) return false;
    return !learned || learned.image === image.id || image.objectCount >= learned.objects;
  }

  /** Finds the rest in the open image: learns from its objects, or takes what was learned before. */
  findRest() {
    const image = this.#project.current.peek();
    const display = this.#image.display.peek();
    if (!image || !display || !this.possible) return;
    const { rejected, revision } = image;
    const lesson = this.teaches
      ? { objects: image.objectCount, classId: commonClass(image), rejected: rejected.map((region) => maskOf(region)) }
      : undefined;
    const learned = this.#project.suggestions.learned.peek();
    this.#begin({ image, revision, display, runs: image.runs(), lesson, learned, awaited: true });
  }

  /** Searches all images that have not been searched with what was learned, which is learned first where it is not yet. */
  findEverywhere() {
    const current = this.#project.current.peek();
    const learned = this.#project.suggestions.learned.peek();
    const changed = learned?.image === current?.id && this.#taughtRevision !== current?.revision;
    const learns = this.teaches && (changed || !learned);
    batch(() => {
      this.leftOut.value = new Map();
      this.everywhere.value = true;
      if (learns) this.findRest();
    });
  }

  /** Ends the search; what was found in the images that are done stays. @returns whether there was one */
  cancel() {
    const ran = this.running.peek();
    batch(() => {
      this.everywhere.value = false;
      this.#end();
    });
    return ran;
  }

  /** Opens a file of what was learned. */
  open(file: Blob) {
    this.#opening.value = file;
  }

  next(engine: Engine): Step | undefined {
    const task = this.#task.value;
    // A cancelled one holds what it has found of the whole image.
    if (this.#begun.value && this.#begun.value !== task) return () => this.#drop(engine);
    if (!this.#model.loaded.value) return;
    const file = this.#opening.value;
    if (file) return () => this.#open(engine, file);
    if (task?.awaited && this.#image.encoded.value && this.#idle) return this.#stepOf(engine, task);
  }

  engineLost() {
    batch(() => {
      this.#begun.value = undefined;
      this.#known.value = undefined;
      this.#searched.value = false;
    });
    const task = this.#task.peek();
    if (!task) return "";
    this.#crashes += 1;
    const goesOn = this.everywhere.peek() ? ", and the search of all images goes on" : ", and the search for the rest begins again";
    if (this.#crashes < CRASHES_IN_A_ROW) return goesOn;
    this.#crashes = 0;
    const crashed = `because it got no further after ${CRASHES_IN_A_ROW} crashes`;
    if (!task.awaited) {
      this.#leaveOut(task, crashed);
      return `, but ${task.image.name} was left out of the search, ${crashed}`;
    }
    this.cancel();
    return `, but the search for the rest was ended, ${crashed}`;
  }

  modelChanged() {
    this.#known.value = undefined;
  }

  /** No control of the display is being moved. */
  get #idle() {
    return this.#image.adjustment.value === undefined;
  }

  #begin(task: Task) {
    batch(() => {
      this.#task.value = task;
      this.progress.value = { name: task.image.name, fraction: 0 };
    });
  }

  #end() {
    this.#task.value = undefined;
    this.progress.value = undefined;
  }

  #interrupt(what: string) {
    if (this.cancel()) this.#notices.tell(`The search for the rest was ended, because ${what}; begin it again.`);
  }

  /** Something else was learned or opened; the search of all images goes on with that. */
  #overtaken({ awaited }: Task) {
    if (!this.#project.suggestions.learned.peek()) this.#interrupt("what it searched with was taken back");
    else if (awaited) this.#interrupt("something else to search with was opened");
    else this.#end();
  }

  #leaveOut({ image }: Task, reason: string) {
    batch(() => {
      this.leftOut.value = new Map(this.leftOut.peek()).set(image.id, reason);
      this.#end();
    });
  }

  #nextElsewhere(engine: Engine): Step | undefined {
    if (!this.#model.loaded.value || !this.#idle) return;
    const task = this.#task.value;
    if (task) return task.awaited ? undefined : this.#stepOf(engine, task);
    if (this.everywhere.value) return async () => this.#takeNext();
  }

  #takeNext() {
    const [image] = this.left.peek();
    if (!image) return void this.cancel();
    const display = image.display ?? usualDisplay(this.#project, this.#image.info.value) ?? this.#usual();
    const learned = this.#project.suggestions.learned.peek();
    this.#begin({ image, revision: image.revision, display, runs: image.runs(), lesson: undefined, learned, awaited: false });
  }

  #stepOf(engine: Engine, task: Task): Step {
    const { learned } = this.#project.suggestions;
    const file = learned.value?.file;
    if (!task.lesson && file && file !== this.#known.value) return () => this.#bring(engine, file);
    if (this.#begun.value !== task) return () => this.#try(task, () => this.#beginIn(engine, task));
    if (this.#searched.value) return () => this.#try(task, () => this.#finish(engine, task));
    return () => this.#try(task, () => this.#advance(engine, task));
  }

  /** An error ends the search of the image; a crash does not yet. */
  async #try(task: Task, work: () => Promise<void>) {
    try {
      await work();
    } catch (error) {
      if (error instanceof CrashError || this.#task.peek() !== task) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (task.awaited) this.cancel();
      else this.#leaveOut(task, reason);
      throw task.awaited ? error : new Error(`${task.image.name} was left out of the search: ${reason}`);
    }
  }

  async #open(engine: Engine, file: Blob) {
    try {
      const { objects } = await engine.request("openFinder", [file]);
      // The person may move or change theirs.
      const copy = new Blob([await file.arrayBuffer()]);
      this.#learn({ id: newId(), file: copy, image: undefined, objects, classId: null, quality: undefined, before: undefined });
    } finally {
      // Also after a crash, which would come back.
      if (this.#opening.peek() === file) this.#opening.value = undefined;
    }
  }

  #learn(learned: Learned) {
    batch(() => {
      this.#known.value = learned.file;
      this.#project.suggestions.learned.value = learned;
    });
  }

  /** Gives the engine what was learned in another engine, or with another model. */
  async #bring(engine: Engine, file: Blob) {
    try {
      await engine.request("openFinder", [file]);
      this.#known.value = file;
    } catch (error) {
      if (!(error instanceof CrashError)) this.cancel();
      throw error;
    }
  }

  async #beginIn(engine: Engine, task: Task) {
    const { image, display, runs, lesson } = task;
    this.#searched.value = false;
    if (lesson) {
      this.#known.value = undefined;
      await engine.request("beginLearning", [display, runs, lesson.rejected]);
    } else await engine.request("beginFinding", [image.source, display, runs]);
    this.#begun.value = task;
  }

  async #drop(engine: Engine) {
    this.#begun.value = undefined;
    await engine.request("dropFinding", []);
  }

  async #advance(engine: Engine, task: Task) {
    const step: FindingStep | undefined = await engine.request("advanceFinding", []);
    if (!step) this.#searched.value = true;
    else if (this.#task.peek() === task) this.progress.value = { name: task.image.name, fraction: step.step / Math.max(1, step.steps) };
  }

  async #finish(engine: Engine, task: Task) {
    const found = await engine.request("finishFinding", []);
    this.#begun.value = undefined;
    const file = task.lesson && (await engine.request("finderFile", []));
    if (this.#task.peek() !== task) return;
    this.#crashes = 0;
    batch(() => {
      this.#end();
      if (task.lesson && file) this.#taughtBy(task, task.lesson, file, found);
      this.#put(task, found);
    });
    this.#advanced();
  }

  #taughtBy({ image, revision }: Task, { objects, classId }: Lesson, file: Blob, { quality, threshold }: FoundSuggestions) {
    const { suggestions } = this.#project;
    const before = suggestions.learned.peek()?.quality;
    this.#taughtRevision = revision;
    suggestions.threshold.value = threshold;
    this.#learn({ id: newId(), file, image: image.id, objects, classId, quality, before });
  }

  #put({ image, awaited }: Task, { suggestions: infos, bits, threshold }: FoundSuggestions) {
    const { suggestions, current } = this.#project;
    const learned = suggestions.learned.peek();
    // What came from a file brings the sureness with what it finds first.
    if (learned && !this.#project.images.peek().some(({ searchedBy }) => searchedBy === learned.id))
      suggestions.threshold.value = threshold;
    const found = suggestionsOf(infos, bits);
    suggestions.put(image, found, learned?.id ?? "");
    if (!awaited || image !== current.peek()) return;
    suggestions.chooseFirst();
    if (suggestions.free.peek().length === 0)
      this.#notices.tell("Nothing else was found in this image; label an object that was missed, and try again.");
  }
}

function newId() {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
}

/** The class that most of an image's objects have. */
function commonClass({ objects, objectCount }: ProjectImage): string | null {
  const counts = new Map<string | null, number>([[null, objectCount - objects.size]]);
  for (const { classId } of objects.values()) counts.set(classId, (counts.get(classId) ?? 0) + 1);
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}
