// What the panel "Find the rest" says: what it will learn from, how good it is, and how little a few labels tell.

import type { Learned } from "../document/suggestions.js";
import type { FinderQuality } from "../engine/graysam.js";

/** With fewer labelled objects, one more or less that is found again is chance. */
const FEW = 20;

export function counted(number: number, thing: string) {
  return `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
}

/** How well the labelled objects are found again, and how much that says. */
export function qualitySentence({ examples, found, missed, wrong }: FinderQuality) {
  if (examples < 2) return "One labelled object cannot be held out, so nothing tells yet how good this is; keep or label some more.";
  const again = found === 1 ? "1 was found again" : `${found.toLocaleString("en")} were found again`;
  const lost = missed === 1 ? "1 was missed" : `${missed.toLocaleString("en")} were missed`;
  const shapes = wrong === 0 ? "no wrong shape was" : `${counted(wrong, "wrong shape")} ${wrong === 1 ? "was" : "were"}`;
  const sentence = `Of ${counted(examples, "labelled object")}, held out in turn, ${again} and ${lost}; ${shapes} found there or on what you threw away. What is found elsewhere cannot be judged.`;
  return examples < FEW ? `${sentence} ${capital(counted(examples, "object"))} are few, so this is a rough guess.` : sentence;
}

/** What the round before was like; empty: there was none. */
export function beforeSentence({ before }: Learned) {
  if (!before || before.examples < 2) return "";
  const { examples, found, missed, wrong } = before;
  return `Before this round: of ${examples.toLocaleString("en")}, ${found.toLocaleString("en")} found again, ${missed.toLocaleString("en")} missed, ${counted(wrong, "wrong shape")}.`;
}

/**
 * What the button will do.
 * @param objects of the open image
 * @param teaches they are learned from
 */
export function noteOf(objects: number, teaches: boolean, learned: Learned | undefined) {
  if (teaches && !learned) return `Learns from this image's ${counted(objects, "object")} and suggests all others like them.`;
  if (teaches) return `Learns anew from this image's ${counted(objects, "object")} and what you threw away.`;
  if (learned) return `Searches with what was learned from ${counted(learned.objects, "object")}${learned.image ? "" : " of a file"}.`;
  return "Label one object or, better, five to ten, and let the page find all others like them.";
}

export function percent(share: number) {
  return `${Math.round(100 * share)} %`;
}

function capital(text: string) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
