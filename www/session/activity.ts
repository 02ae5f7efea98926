// What the engine is busy with, for the status line and the progress bar.

import { signal } from "../vendor/signals-core.js";
import type { Progress } from "../document/types.js";

export class Activity {
  readonly label = signal("Starting the engine…");
  readonly progress = signal<Progress | undefined>(undefined);

  /** Tells the fraction of a piece of work. */
  reports(label: string) {
    return (fraction: number | null) => {
      this.progress.value = { label, fraction };
    };
  }
}
