// What a training needs of the labelled images.

import { pixelsKey } from "../document/display.js";
import type { LabelledImage } from "../document/project.js";
import { sameRuns } from "../document/runs.js";

/** With fewer, nothing can be both trained on and held out. */
const FEWEST_OBJECTS = 2;

/** The images as they are now: the person may go on labelling, but after a crash the same labels are needed. */
export function asTheyAre(images: readonly LabelledImage[]): LabelledImage[] {
  return images.map((image) => {
    const runs = image.runs();
    return { ...image, runs: () => runs };
  });
}

function sameLabels(a: LabelledImage, b: LabelledImage) {
  return pixelsKey(a.display) === pixelsKey(b.display) && sameRuns(a.runs(), b.runs());
}

/** Whether any of the images is labelled or displayed in another way now, or not at all. */
export function labelsChanged(images: readonly LabelledImage[], now: readonly LabelledImage[]) {
  return !images.every((image) => {
    const same = now.find(({ id }) => id === image.id);
    return same !== undefined && sameLabels(same, image);
  });
}

/** The places of the held-out images; a single image holds out a part of its objects instead. */
export function heldOutPlaces(images: readonly LabelledImage[]) {
  return images.length > 1 ? images.flatMap(({ heldOut }, place) => (heldOut ? [place] : [])) : [];
}

/** Why no training can start on these images, as a sentence; empty: it can. */
export function obstacleOf(labelled: readonly LabelledImage[]) {
  const objects = labelled.reduce((sum, image) => sum + image.objects, 0);
  if (objects === 0) return "Label at least two objects to train on them.";
  if (objects < FEWEST_OBJECTS) return "One object is not enough: label at least one more, so that one can be held out.";
  if (labelled.length > 1 && labelled.every(({ heldOut }) => heldOut)) return "All images are held out; leave at least one to train on.";
  return "";
}

/** Whether the engine refuses an image because all of its objects are too small to train on. */
export function areTooSmall(error: unknown) {
  return error instanceof Error && /^No labelled object has \d+ pixels or more/.test(error.message);
}

/** Which images a training goes without, and what follows from it for what is held out. */
export function leftOutSentence(leftOut: readonly LabelledImage[], kept: readonly LabelledImage[]) {
  const [{ name }] = leftOut;
  const others = leftOut.length - 1;
  const which = others === 0 ? `${name} was` : `${name} and ${others} other image${others === 1 ? "" : "s"} were`;
  const sentence = `${which} left out of the training, because all objects there are too small; label larger ones to have it trained on.`;
  if (kept.length === 1) return `${sentence} Only ${kept[0].name} is left, so ${judgesOf(kept)}.`;
  const judged = kept.length === 0 || kept.some(({ heldOut }) => heldOut) || !leftOut.some(({ heldOut }) => heldOut);
  return judged ? sentence : `${sentence} No other image is held out, so ${judgesOf(kept)}.`;
}

/** What judges a training on these images. */
export function judgesOf(labelled: readonly LabelledImage[]) {
  if (labelled.length < 2) return "a part of the objects is held out";
  const heldOut = labelled.filter((image) => image.heldOut).length;
  if (heldOut === 0) return "some of the images are held out at random";
  return `${heldOut.toLocaleString("en")} image${heldOut === 1 ? "" : "s"} held out`;
}

/** What the person should know of the choice between training and held out. */
export function noteOf(labelled: readonly LabelledImage[]) {
  if (labelled.length === 0) return "Images with labelled objects appear here.";
  if (labelled.length === 1) return "With a single image, a part of its objects is held out.";
  if (labelled.some(({ heldOut }) => heldOut)) return "Held-out images judge the training and are not trained on.";
  return "No image is chosen to be held out, so some of them are at random: they judge the training and are not trained on.";
}
