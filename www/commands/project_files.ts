// The project as one file: saved, and opened beside what is here or in its place.

import { batch, signal } from "../vendor/signals-core.js";
import type { History } from "../document/history.js";
import { type ImageState, mergeOf, putState, stateOf } from "../document/merging.js";
import type { Notices } from "../document/notices.js";
import type { Project, ProjectImage } from "../document/project.js";
import type { Findings } from "../document/suggestions.js";
import type { ObjectClass } from "../document/types.js";
import type { OpenedProject } from "../session/project_reader.js";
import { ProjectTransfer, type Work } from "../session/project_transfer.js";
import type { Session } from "../session/session.js";
import type { Browser } from "./files.js";
import type { NavigationCommands } from "./navigation.js";

export interface Question {
  /** The file's name. */
  name: string;
  /** Images in the file, and here. */
  incoming: number;
  here: number;
  /** What else is to be known, as a sentence; empty: nothing. */
  note: string;
}

export type Answer = "merge" | "replace" | "cancel";

/** The images that are listed, and what goes with them. */
interface Listing {
  images: readonly ProjectImage[];
  classes: readonly ObjectClass[];
  currentClass: string | null;
  open: ProjectImage | undefined;
  decoder: { file: Blob | undefined; used: boolean };
  findings: Findings;
}

const isMissing = ({ source }: ProjectImage) => source.kind === "file" && source.missing === true;

/** Names, of which there may be many. */
function namesOf(names: readonly string[]) {
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown[shown.length - 1]}` : shown.join("");
}

export class ProjectFileCommands {
  /** What is being done with a project file; undefined: nothing. */
  readonly work = signal<Work | undefined>(undefined);
  /** What is to be answered before a project is opened. */
  readonly question = signal<Question | undefined>(undefined);

  #answer: ((answer: Answer) => void) | undefined;
  #abort: AbortController | undefined;
  #project;
  #session;
  #notices;
  #history;
  #navigation;
  #restored;
  #browser;
  #transfer;

  constructor(
    project: Project,
    session: Session,
    notices: Notices,
    history: History,
    navigation: NavigationCommands,
    restored: Promise<unknown>,
    browser: Browser,
  ) {
    this.#project = project;
    this.#session = session;
    this.#notices = notices;
    this.#history = history;
    this.#navigation = navigation;
    this.#restored = restored;
    this.#browser = browser;
    this.#transfer = new ProjectTransfer(project, session, this.work);
  }

  /** Nothing is being done with a project file. */
  get idle() {
    return this.work.value === undefined && this.question.value === undefined;
  }

  /** Whether there is something to save, and nothing else is being done. */
  get savable() {
    return this.idle && this.#project.images.value.length > 0;
  }

  /** Breaks off what is being done with a project file. */
  cancel() {
    this.#abort?.abort();
    this.answer("cancel");
  }

  answer(answer: Answer) {
    this.#answer?.(answer);
  }

  /** Hands all of the project to the person as one file. */
  async save() {
    if (this.#abort) return;
    await this.#do(async (signal) => {
      const name = this.#fileName;
      const stream = await this.#browser.saveStream?.(name);
      if (stream === "cancelled") return;
      const { file, leftOut } = await this.#transfer.save(stream, signal);
      if (file) this.#browser.save(file, name);
      const { files, labels } = leftOut;
      if (files.length > 0) {
        this.#notices.tell(`The project was saved without the file of ${namesOf(files)}, which cannot be read any more; open it again.`);
      } else if (labels !== undefined) {
        this.#notices.tell(`The project was saved, but not all label files for other tools are in it: ${labels.replace(/\.?$/, ".")}`);
      }
    }, "The project was not saved: ");
  }

  /** Opens a project file, once the person has said how. Nothing changes before all of it was read and found right. */
  async open(file: Blob & { name?: string }) {
    if (this.#abort) return this.#notices.tell("A project is being saved or opened; wait until that is done, or cancel it.");
    const name = file.name ?? "The project";
    await this.#do(async (signal) => {
      await this.#restored;
      const opened = await this.#transfer.open(file, signal);
      const note = await this.#withoutForeignDecoder(opened);
      this.work.value = undefined;
      const here = this.#project.images.peek().length;
      const answer = here > 0 ? await this.#ask({ name, incoming: opened.images.length, here, note }) : "replace";
      if (answer === "cancel") return;
      this.#browser.persist();
      const told = answer === "merge" ? this.#merge(opened) : this.#replace(opened);
      if (told || note) this.#notices.tell([told, here > 0 ? "" : note].filter(Boolean).join(" "));
    }, `${name} cannot be opened. `);
  }

  /** @param failed what the sentence begins with if it fails */
  async #do(work: (signal: AbortSignal) => Promise<void>, failed: string) {
    const abort = new AbortController();
    this.#abort = abort;
    this.#notices.dismiss();
    try {
      await work(abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) this.#notices.tell(failed + (error instanceof Error ? error.message : String(error)));
    }
    this.#abort = undefined;
    this.work.value = undefined;
  }

  #ask(question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      this.question.value = question;
      this.#answer = (answer) => {
        this.#answer = undefined;
        this.question.value = undefined;
        resolve(answer);
      };
    });
  }

  /** Takes out a decoder that the model in use cannot have. @returns a sentence about it; empty: there is none to tell */
  async #withoutForeignDecoder(opened: OpenedProject): Promise<string> {
    const { decoder } = opened;
    const { model, scheduler } = this.#session;
    if (!decoder?.base.sha256 || !model.loaded.peek() || !scheduler.engine) return "";
    const sha256 = await this.#session.request("baseSha256", []).done;
    if (sha256 === decoder.base.sha256) return "";
    opened.decoder = undefined;
    const name = decoder.base.name || "another model";
    return `Its fine-tuned decoder is left out, because it belongs to ${name} and that is not the model in use: open that model first, then this file, to have it too.`;
  }

  /** The images' common folder, or the program's name. */
  get #fileName() {
    const folders = this.#project.images
      .peek()
      .map(({ source }) => (source.kind === "file" ? source.path?.split("/").slice(0, -1)[0] : undefined));
    const [folder] = folders;
    return `${folder && folders.every((other) => other === folder) ? folder : "graysam"}.graysam.zip`;
  }

  get #listing(): Listing {
    const { images, classes, currentClass, current, suggestions } = this.#project;
    const { decoder } = this.#session;
    return {
      images: images.peek(),
      classes: classes.peek(),
      currentClass: currentClass.peek(),
      open: current.peek(),
      decoder: { file: decoder.file, used: decoder.wanted.peek() },
      findings: suggestions.findings,
    };
  }

  #replace({ images, classes, currentClass, current, decoder, findings }: OpenedProject): string {
    const before = this.#listing;
    const open = current && !isMissing(current) ? current : images.find((image) => !isMissing(image));
    const after: Listing = {
      images,
      classes,
      currentClass,
      open,
      decoder: decoder ?? before.decoder,
      findings: findings ?? before.findings,
    };
    const replaced = before.images.length > 0;
    this.#put(after, before);
    const [undo, redo] = [() => this.#put(before, after), () => this.#put(after, before)];
    this.#history.push({ label: "open a project", image: undefined, undo, redo });
    return replaced ? "Undo brings back the project that was here, until the page is closed." : "";
  }

  /** @param from what was listed before; images that were opened since stay */
  #put({ images, classes, currentClass, open, decoder, findings }: Listing, from: Listing) {
    const project = this.#project;
    const since = project.images.peek().filter((image) => !from.images.includes(image) && !images.includes(image));
    batch(() => {
      if (open) project.close();
      project.images.value = [...images, ...since];
      project.classes.value = classes;
      project.currentClass.value = currentClass;
      this.#exchange(from.findings, findings);
    });
    if (decoder.file !== from.decoder.file) this.#useDecoder(decoder);
    if (open) this.#navigation.open(open.source);
  }

  /** What was learned since stays. */
  #exchange(before: Findings, after: Findings) {
    const { suggestions } = this.#project;
    if (before.learned !== after.learned && suggestions.learned.peek() === before.learned) suggestions.restore(after);
  }

  #useDecoder({ file, used }: Listing["decoder"]) {
    if (file) this.#session.decoder.open(file, used);
    else this.#session.decoder.use(false);
  }

  /** @returns a sentence on what stayed as it is; empty: nothing did */
  #merge(opened: OpenedProject): string {
    const project = this.#project;
    const { images, classes, currentClass, findings } = this.#listing;
    const merge = mergeOf(images, classes, opened);
    const before = merge.filled.map(({ image }) => ({ image, after: stateOf(image) }));
    const added = new Set(merge.added);
    const without = () => project.images.peek().filter((image) => !added.has(image));
    // The person's own stays.
    const learned = findings.learned ? findings : (merge.findings ?? findings);
    const put =
      (all: () => readonly ProjectImage[], known: readonly ObjectClass[], states: typeof before, [from, to]: Findings[]) =>
      () => {
        this.#change(states, () => {
          this.#exchange(from, to);
          project.images.value = all();
          project.classes.value = known;
          project.currentClass.value = project.classOf(currentClass) ? currentClass : null;
        });
      };
    const redo = put(() => [...without(), ...added], merge.classes, merge.filled, [findings, learned]);
    const undo = put(without, classes, before, [learned, findings]);
    redo();
    this.#history.push({ label: "merge a project", image: undefined, undo, redo });
    // The person's own decoder stays.
    if (opened.decoder && !this.#session.decoder.file) this.#useDecoder(opened.decoder);
    const first = merge.added.find((image) => !isMissing(image));
    if (!project.current.peek() && first && merge.filled.length === 0) this.#navigation.open(first.source);
    if (merge.kept.length === 0) return "";
    return `${namesOf(merge.kept)} ${merge.kept.length === 1 ? "has" : "have"} other objects here than in the file: those here stay, and the file keeps the others.`;
  }

  /** Changes images, of which the open one is closed meanwhile. */
  #change(states: readonly { image: ProjectImage; after: ImageState }[], change: () => void) {
    const project = this.#project;
    const current = project.current.peek();
    const reopened = states.some(({ image }) => image === current) ? current : undefined;
    batch(() => {
      if (reopened) project.close();
      change();
      for (const { image, after } of states) {
        putState(image, after);
        project.objectsChanged(image);
      }
    });
    if (reopened) this.#navigation.open(reopened.source);
    else this.#leaveUnlisted();
  }

  /** Goes to another image where the open one is none of the project any more. */
  #leaveUnlisted() {
    const { current, images } = this.#project;
    const open = current.peek();
    const other = images.peek().find((image) => !isMissing(image));
    if (open && other && !images.peek().includes(open)) this.#navigation.open(other.source);
  }
}
