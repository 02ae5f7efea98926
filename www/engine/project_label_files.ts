// The label files of a project file under way, which the engine gives up as soon as they are finished.

import type { ProjectLabels } from "./graysam.js";

export class ProjectLabelFiles {
  #begun: ProjectLabels | undefined;

  /** Ends those that were under way. */
  begin(make: () => ProjectLabels) {
    this.#take()?.free();
    this.#begun = make();
  }

  /** @throws if none were begun */
  get begun(): ProjectLabels {
    if (!this.#begun) throw new Error("No label files were begun; save the project again.");
    return this.#begun;
  }

  finish() {
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
