// A file of the engine's that is under way, which the engine gives up as soon as it is finished, whether or not that succeeds.

interface Unfinished {
  free(): void;
  finish(): unknown;
}

export class UnderWay<T extends Unfinished> {
  #begun: T | undefined;
  #none;

  /** @param none said where none was begun */
  constructor(none: string) {
    this.#none = none;
  }

  /** Ends the one that was under way. */
  begin(make: () => T) {
    this.#take()?.free();
    this.#begun = make();
  }

  /** @throws if none was begun */
  get begun(): T {
    if (!this.#begun) throw new Error(this.#none);
    return this.#begun;
  }

  /** @throws what is wrong with the file */
  finish(): ReturnType<T["finish"]> {
    const { begun } = this;
    // What is used up can neither be finished nor freed once more.
    this.#take();
    return begun.finish() as ReturnType<T["finish"]>;
  }

  #take() {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }
}
