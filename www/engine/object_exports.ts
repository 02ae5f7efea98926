// The export under way, which the engine gives up as soon as it is finished, whether or not that succeeds.

import type { ExportedFile, ObjectExport } from "./graysam.js";

export class ObjectExports {
  #begun: ObjectExport | undefined;

  /** Ends the one that was under way. */
  begin(make: () => ObjectExport) {
    this.#take()?.free();
    this.#begun = make();
  }

  /** @throws if none was begun */
  get begun(): ObjectExport {
    if (!this.#begun) throw new Error("No export was begun; begin it again.");
    return this.#begun;
  }

  /** @throws what is wrong with the file */
  finish(): ExportedFile {
    const { begun } = this;
    // What is used up can neither be finished nor freed once more.
    this.#take();
    return begun.finish();
  }

  #take() {
    const begun = this.#begun;
    this.#begun = undefined;
    return begun;
  }
}
