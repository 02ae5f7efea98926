// How long the event loop is held up.

/** Runs `work`, and measures the longest time, in milliseconds, that the event loop had to wait meanwhile. */
export async function longestBlock<T>(work: () => Promise<T>): Promise<{ result: T; longest: number }> {
  let [last, longest, watching] = [performance.now(), 0, true];
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (watching) setImmediate(look);
  };
  setImmediate(look);
  const result = await work();
  look();
  watching = false;
  return { result, longest };
}
