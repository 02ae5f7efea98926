// What all jobs have in common: each compares what the document wants with what the engine has.

import type { Engine } from "../engine/client.js";

/** A piece of work that the engine does while everything else waits. */
export type Step = () => Promise<unknown>;

export interface Job {
  /**
   * What brings the engine nearer to what is wanted; undefined: it has all. Only reads, and signals at that, so that the
   * scheduler notices when the answer becomes another. A step that fails must not come back by itself.
   */
  next(engine: Engine): Step | undefined;
  /**
   * The engine is gone, and all that it had.
   * @param retried it went with its GPU, so what it was at may be tried again
   * @returns the end of a sentence on what becomes of the work, such as ", and the training begins again"
   */
  engineLost?(retried: boolean): string;
  /** Another model was loaded in the place of the one of this name. */
  modelChanged?(before: string | undefined): void;
}
