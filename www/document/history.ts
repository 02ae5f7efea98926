// Everything that was done in this visit, in order, to be undone and redone on whichever image it was done.

import { batch, computed, signal } from "../vendor/signals-core.js";

export interface Edit {
  /** For a sentence, such as "accept the mask". */
  label: string;
  /** The id of the image that it changed; undefined: it can be undone whichever image is open. */
  image: string | undefined;
  /** It concerns prompts, which last only as long as their image is open. */
  transient?: boolean;
  /** Of a transient edit: whether the prompts are as it left them, or found them. */
  lasts?(how: "undo" | "redo"): boolean;
  undo(): void;
  redo(): void;
}

/** What is undone and redone together with an edit. */
export type LinkedEffect = Pick<Edit, "undo" | "redo">;

export class History {
  #done = signal<readonly Edit[]>([]);
  #undone = signal<readonly Edit[]>([]);
  #current;
  #open;
  /** An image is being opened for one of its edits. */
  #opening = false;
  #moving: (() => void)[] = [];

  /** What `undo` takes back. */
  readonly last = computed(() => this.#done.value.at(-1)?.label);
  /** What `redo` does again. */
  readonly next = computed(() => this.#undone.value.at(-1)?.label);

  /**
   * @param current the id of the open image
   * @param open opens an image of the project; resolves to whether it is open
   */
  constructor(current: () => string | undefined, open: (image: string) => Promise<boolean>) {
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

  undo() {
    return this.#move(this.#done, this.#undone, "undo");
  }

  redo() {
    return this.#move(this.#undone, this.#done, "redo");
  }

  async #move(from: { value: readonly Edit[] }, to: { value: readonly Edit[] }, how: "undo" | "redo") {
    if (this.#opening) return;
    for (const listener of this.#moving) listener();
    const edits = from.value;
    const edit = edits.findLast(({ image, transient, lasts }) => !transient || (image === this.#current() && (lasts?.(how) ?? true)));
    if (!edit) return;
    if (edit.image !== undefined && edit.image !== this.#current() && !(await this.#bring(edit.image))) return;
    // What was done while the image was being opened is to be undone first.
    if (from.value !== edits) return;
    // Prompts on images that were left since are gone, and their edits with them.
    batch(() => {
      from.value = from.value.slice(0, from.value.lastIndexOf(edit));
      edit[how]();
      to.value = [...to.value, edit];
    });
  }

  async #bring(image: string) {
    this.#opening = true;
    try {
      return await this.#open(image);
    } finally {
      this.#opening = false;
    }
  }
}
