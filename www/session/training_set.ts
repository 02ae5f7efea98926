// What a training needs of the labelled images.

import { type LabelledImage, sameDisplay } from "../document/project.js";
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
  return sameDisplay(a.display, b.display) && sameRuns(a.runs(), b.runs());
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
