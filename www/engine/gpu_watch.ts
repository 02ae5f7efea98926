// Notices that the GPU has stopped answering, which some drivers do without a word.

/** Milliseconds between two looks. */
const LOOK = 5000;
/** Looks at one and the same wait after which the GPU is taken for dead. A computer that slept meanwhile did not look. */
const LOOKS = 12;

/**
 * @param wait the number of the wait that is under way; undefined: there is none
 * @param hung is called once
 */
export function watchGpu(wait: () => number | undefined, hung: () => void) {
  let seen = wait();
  let looks = 0;
  const look = () => {
    const now = wait();
    looks = now !== undefined && now === seen ? looks + 1 : 0;
    seen = now;
    if (looks < LOOKS) setTimeout(look, LOOK);
    else hung();
  };
  setTimeout(look, LOOK);
}
