// The one sentence that the person should read now.

import { signal } from "../vendor/signals-core.js";

export interface Notice {
  sentence: string;
  link?: { text: string; address: string };
}

export class Notices {
  readonly current = signal<Notice | undefined>(undefined);

  tell(sentence: string, link?: Notice["link"]) {
    this.current.value = { sentence, link };
  }

  /** Tells what went wrong. */
  fail(error: unknown, link?: Notice["link"]) {
    this.tell(error instanceof Error ? error.message : String(error), link);
  }

  dismiss() {
    this.current.value = undefined;
  }
}
