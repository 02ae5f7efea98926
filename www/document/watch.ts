// Runs something after a change of signals, whatever their values are.

import { effect, type ReadonlySignal, untracked } from "../vendor/signals-core.js";

/** Runs `run` each time that one of the signals changes, but not at once. What it reads itself does not count. */
export function whenChanged(signals: readonly ReadonlySignal<unknown>[], run: () => void) {
  let first = true;
  effect(() => {
    for (const signal of signals) void signal.value;
    if (!first) untracked(run);
    first = false;
  });
}

/** Resolves as soon as a condition holds. @param holds reads signals */
export async function until(holds: () => boolean) {
  let stop = () => {};
  await new Promise<void>((resolve) => {
    stop = effect(() => {
      if (holds()) resolve();
    });
  });
  stop();
}
