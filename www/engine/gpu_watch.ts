// Notices that the GPU has stopped answering, which some drivers do without a word.

/** Milliseconds between two looks. */
const LOOK = 5000;
/** Looks at one and the same wait after which the GPU is taken for dead. A computer that slept meanwhile did not look. */
const LOOKS = 12;

/** Further looks after which a person who cancels has waited long enough. */
const HURRIED = 2;

/**
 * @param wait the number of the wait that is under way; undefined: there is none
 * @param hung is called once
 * @returns what a person's cancelling is told to: one wait that goes on for ten more seconds is enough then
 */
export function watchGpu(wait: () => number | undefined, hung: () => void) {
  let seen = wait();
  let looks = 0;
  let enough = LOOKS;
  const look = () => {
    const now = wait();
    looks = now !== undefined && now === seen ? looks + 1 : 0;
    seen = now;
    if (looks === 0) enough = LOOKS;
    if (looks < enough) setTimeout(look, LOOK);
    else hung();
  };
  setTimeout(look, LOOK);
  return () => {
    enough = Math.min(enough, looks + HURRIED);
  };
}
