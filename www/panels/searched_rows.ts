// Which images are listed as searched for the rest, and in which order the person had best look at them.

import type { ProjectImage } from "../document/project.js";
import type { Suggestion } from "../document/suggestion.js";

export interface SearchedRow {
  image: ProjectImage;
  /** How many are shown. */
  suggestions: number;
  /** Sureness of the least sure one that is shown. */
  least: number;
  /** Why it was left out. */
  problem: string | undefined;
}

/**
 * The images that were searched, the least sure first, otherwise in the project's order.
 * @param leftOut why images could not be searched, by their ids
 * @param shownOf the suggestions of an image that are shown, the surest first
 */
export function searchedRows(
  images: readonly ProjectImage[],
  leftOut: ReadonlyMap<string, string>,
  shownOf: (image: ProjectImage) => readonly Suggestion[],
): SearchedRow[] {
  const searched = images.filter(({ id, searchedBy }) => searchedBy || leftOut.has(id));
  const rows = searched.map((image) => {
    const shown = shownOf(image);
    return { image, suggestions: shown.length, least: shown.at(-1)?.sureness ?? 1, problem: leftOut.get(image.id) };
  });
  // Those without suggestions have nothing to look at.
  return rows.sort((a, b) => Number(a.suggestions === 0) - Number(b.suggestions === 0) || a.least - b.least);
}
