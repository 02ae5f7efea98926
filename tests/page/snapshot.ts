// The document as a text, to be compared.

import { sameRounds } from "../../www/document/draft.js";
import type { ProjectImage } from "../../www/document/project.js";
import { recordOf } from "../../www/document/suggestion.js";
import type { Desk } from "./desk.js";

export interface Snapshot {
  /** Images, objects and classes, which last. */
  project: string;
  draft: string;
  /** What is suggested: each search changes it, which is not undone. */
  suggestions: string;
  /** The mask on screen; undefined while an answer is awaited. */
  mask: string | undefined;
  /** What is chosen rather than done: it is not undone. */
  choices: { heldOut: string; currentClass: string | null };
}

function imageText(image: ProjectImage) {
  const { id, width, height, display, done, rejected } = image;
  const runs = image.runs();
  const numbers = new Set(runs.filter((_, i) => i % 2 === 1));
  numbers.delete(0);
  const objects = [...numbers].sort((a, b) => a - b).map((number) => [number, image.objects.get(number)]);
  return [id, width, height, display, done, [...runs], objects, rejected.map(recordOf)];
}

/** @param all the images that the project has or had */
export function snapshotOf(desk: Desk, all: readonly ProjectImage[]): Snapshot {
  const { project, draft } = desk;
  const images = project.images.peek();
  const rounds = draft.rounds.peek();
  const shown = draft.hasMask.peek() && sameRounds(draft.answer.peek()?.rounds ?? [], rounds);
  return {
    project: JSON.stringify([images.map(imageText), project.classes.peek()]),
    draft: JSON.stringify([draft.record, rounds.length > 0 ? draft.refined.peek() : 0]),
    suggestions: JSON.stringify(images.map(({ id, suggestions }) => [id, suggestions.map(recordOf)])),
    mask: shown ? JSON.stringify([...(desk.mask ?? [])]) : undefined,
    choices: {
      heldOut: JSON.stringify(all.map(({ heldOut }) => heldOut ?? null)),
      currentClass: project.currentClass.peek(),
    },
  };
}
