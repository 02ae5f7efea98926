// Keeps the project and the draft in the browser's storage, after every change.

import { computed, signal } from "../vendor/signals-core.js";
import { whenChanged } from "../document/watch.js";
import type { Draft, DraftRecord } from "../document/draft.js";
import type { Notices } from "../document/notices.js";
import { type Project, ProjectImage } from "../document/project.js";
import { StaleError, storageSentence, TakenError } from "../storage/project_lock.js";
import { type ProjectSnapshot, ProjectStore, type StoredProject } from "../storage/project_store.js";

/** What an earlier visit was at. */
export interface Restored {
  image: ProjectImage | undefined;
  draft: DraftRecord | null;
}

/** What of the stored project could not be read, as a sentence; empty: nothing. */
function doubtSentence({ unread, doubt }: StoredProject) {
  if (doubt === "all") {
    return "The stored list of images could not be read to its end; all that is stored stays as it is, but open images that are missing here again.";
  }
  if (unread.length > 0) {
    return `The stored objects of ${unread.join(", ")} could not be read; nothing was removed, so reload the page to try again, or open them from a file.`;
  }
  if (doubt === "some")
    return "One of the two stored lists of images could not be read; the other one was taken, and nothing was removed: check the images.";
  return "";
}

export class ProjectKeeper {
  /** Why the project is not stored, as a sentence; undefined: it is. */
  readonly unsaved = signal<string | undefined>(undefined);
  /** Resolves when what an earlier visit left is here. */
  readonly restored: Promise<Restored>;

  #project;
  #draft;
  #notices;
  #store = new ProjectStore();
  #saving: Promise<void> | undefined;
  #saveAgain = false;
  /** The stored draft, until it is on screen again. */
  #pending: DraftRecord | null = null;
  #draftRecord = computed(() => {
    void this.#draft.corrected.value;
    void this.#draft.rounds.value;
    return this.#draft.record;
  });

  constructor(project: Project, draft: Draft, notices: Notices) {
    this.#project = project;
    this.#draft = draft;
    this.#notices = notices;
    this.restored = this.#restore();
  }

  /** Something is being stored. */
  get storing() {
    return this.#saving !== undefined;
  }

  /** Whether objects would be lost with the page now, or their images' files, which are being stored. */
  get atRisk() {
    const images = this.#project.images.peek();
    return !this.#store.holds(images) || (this.storing && !this.#store.holdsFiles(images));
  }

  /** The stored draft is on screen, or never will be. */
  draftRestored() {
    this.#pending = null;
    this.#save();
  }

  #watch() {
    const { images, classes, currentClass, current, suggestions } = this.#project;
    const { changes, learned, threshold } = suggestions;
    whenChanged([images, classes, currentClass, current, this.#draftRecord, changes, learned, threshold], () => this.#save());
  }

  #save() {
    if (this.#saving) this.#saveAgain = true;
    else void this.#saveNow();
  }

  #snapshot(): ProjectSnapshot {
    const { images, classes, currentClass, current, suggestions } = this.#project;
    return {
      images: images.peek(),
      classes: [...classes.peek()],
      currentClass: currentClass.peek(),
      current: current.peek()?.id,
      inHand: this.#pending ?? this.#draft.record,
      findings: suggestions.findings,
    };
  }

  async #saveNow() {
    if (this.#project.images.peek().length === 0 && this.#store.empty) return;
    const before = this.unsaved.peek();
    this.#saving = this.#saveAll();
    try {
      await this.#saving;
      this.unsaved.value = undefined;
    } catch (error) {
      this.#tellUnsaved(error, before);
    }
    this.#saving = undefined;
    if (this.#saveAgain) {
      this.#saveAgain = false;
      void this.#saveNow();
    }
  }

  /** @param before what was told of it already */
  #tellUnsaved(error: unknown, before?: string) {
    const images = this.#project.images.peek();
    const held = this.#store.holds(images);
    const sentence = storageSentence(error, held, this.#store.holdsFiles(images));
    this.unsaved.value = sentence;
    // Lost objects, and that another tab has stored since, are for the person to act on, whatever they were told before.
    const isUrgent = !held || error instanceof StaleError;
    if (!before || (isUrgent && sentence !== before)) this.#notices.tell(sentence);
  }

  /** Objects first, then, as long as nothing changes, the images' files one by one. */
  async #saveAll() {
    await this.#store.save(this.#snapshot());
    while (!this.#saveAgain && (await this.#store.saveFile(this.#snapshot())));
  }

  async #restore(): Promise<Restored> {
    const restored: Restored = { image: undefined, draft: null };
    try {
      // One that keeps no files has nothing to restore, and is told of when there is something to store.
      await this.#store.take().catch((error) => error instanceof TakenError && this.#tellUnsaved(error));
      const stored = await this.#store.restore();
      const { images, classes, currentClass, current, inHand } = stored;
      const here = images.map(({ id, source, runs, objects, ...rest }) => {
        const image = Object.assign(new ProjectImage(source, id), rest, { packed: runs });
        for (const [number, attributes] of objects) image.objects.set(number, attributes);
        return image;
      });
      this.#project.restore({ images: here, classes, currentClass });
      if (stored.findings) this.#project.suggestions.restore(stored.findings);
      this.#pending = inHand;
      restored.image = here.find(({ id }) => id === current);
      restored.draft = inHand;
      const doubt = doubtSentence(stored);
      if (doubt) this.#notices.tell(doubt);
    } catch {
      // Without storage nothing was kept.
    }
    this.#watch();
    return restored;
  }
}
