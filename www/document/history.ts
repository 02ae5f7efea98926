// Everything that was done in this visit, in order, to be undone and redone on whichever image it was done.

import { batch, computed, signal } from "../vendor/signals-core.js";

type How = "undo" | "redo";

export interface Edit {
  /** For a sentence, such as "accept the mask". */
  label: string;
  /** The id of the image that it changed; undefined: it can be undone whichever image is open. */
  image: string | undefined;
  /** It concerns prompts, which last only as long as their image is open. */
  transient?: boolean;
  /** Of a transient edit: whether the prompts are as it left them, or found them. */
  lasts?(how: How): boolean;
  undo(): void;
  redo(): void;
}

/** What is undone and redone together with an edit. */
export type LinkedEffect = Pick<Edit, "undo" | "redo">;

type PassListener = (passed: Edit, moved: Edit, how: How) => void;

/** Of an image that cannot be opened; its prompts are gone anyway. */
function stays({ image, transient }: Edit, passed: ReadonlySet<string>) {
  return !transient && image !== undefined && passed.has(image);
}

export class History {
  #done = signal<readonly Edit[]>([]);
  #undone = signal<readonly Edit[]>([]);
  #current;
  #open;
  /** An image is being opened for one of its edits. */
  #opening = false;
  /** What was asked for in the meantime. */
  #asked: How[] = [];
  /** Images that could not be opened when they were last needed. */
  #unopened = new Set<string>();
  #moving: (() => void)[] = [];
  #passing: PassListener[] = [];

  /** What `undo` takes back. */
  readonly last = computed(() => this.#done.value.at(-1)?.label);
  /** What `redo` does again. */
  readonly next = computed(() => this.#undone.value.at(-1)?.label);

  /**
   * @param current the id of the open image
   * @param open opens an image of the project; resolves to whether it is open, or to undefined if another one was asked
   * for in the meantime
   */
  constructor(current: () => string | undefined, open: (image: string) => Promise<boolean | undefined>) {
    this.#current = current;
    this.#open = open;
  }

  /** Records an edit that has been made. */
  push(edit: Edit) {
    this.#done.value = [...this.#done.value, edit];
    this.#undone.value = [];
  }

  /** @param listener called before something is undone or redone, to complete what is half done */
  onMove(listener: () => void) {
    this.#moving.push(listener);
  }

  /** @param listener called when an edit was undone or redone in the place of one whose image cannot be opened */
  onPass(listener: PassListener) {
    this.#passing.push(listener);
  }

  undo() {
    return this.#move("undo");
  }

  redo() {
    return this.#move("redo");
  }

  async #move(how: How) {
    // It is done when the image is there.
    if (this.#opening) return void this.#asked.push(how);
    for (const listener of this.#moving) listener();
    const passed = new Set<string>();
    await this.#moveNext(how, passed);
    for (let next = this.#asked.shift(); next; next = this.#asked.shift()) await this.#move(next);
  }

  /** @param passed images that cannot be opened, whose edits stay */
  async #moveNext(how: How, passed: Set<string>): Promise<void> {
    const from = how === "undo" ? this.#done : this.#undone;
    const edits = from.value;
    const edit = edits.findLast((edit) => this.#movable(edit, how) && !stays(edit, passed));
    if (!edit) return;
    const { image } = edit;
    if (image !== undefined && image !== this.#current()) {
      const opened = await this.#bring(image);
      // What was done while the image was being opened is to be undone first.
      if (from.value !== edits) return;
      if (!opened) return this.#notOpened(image, opened, how, passed);
    }
    this.#apply(edit, how, passed);
    const first = edits.findLast((edit) => stays(edit, passed));
    if (first) for (const listener of this.#passing) listener(first, edit, how);
  }

  #movable({ image, transient, lasts }: Edit, how: How) {
    return !transient || (image === this.#current() && (lasts?.(how) ?? true));
  }

  /** The first time the person reads why, and may mend it; then what was done on other images is to be reached. */
  async #notOpened(image: string, opened: false | undefined, how: How, passed: Set<string>) {
    this.#asked = [];
    if (opened === undefined) return;
    if (!this.#unopened.has(image)) return void this.#unopened.add(image);
    await this.#moveNext(how, passed.add(image));
  }

  #apply(edit: Edit, how: How, passed: ReadonlySet<string>) {
    const [from, to] = how === "undo" ? [this.#done, this.#undone] : [this.#undone, this.#done];
    batch(() => {
      const place = from.value.lastIndexOf(edit);
      // Prompts on images that were left since are gone, and their edits with them.
      from.value = from.value.filter((other, i) => i < place || (i > place && stays(other, passed)));
      edit[how]();
      to.value = [...to.value, edit];
    });
  }

  async #bring(image: string) {
    this.#opening = true;
    try {
      const opened = await this.#open(image);
      if (opened) this.#unopened.delete(image);
      return opened;
    } finally {
      this.#opening = false;
    }
  }
}
