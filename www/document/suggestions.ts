// What was learned from the labelled objects, how sure a suggestion has to be, and which of the open image's is chosen.

import { batch, computed, type ReadonlySignal, signal } from "../vendor/signals-core.js";
import type { FinderQuality } from "../engine/graysam.js";
import type { Damage } from "./damage.js";
import { intersection, type Point } from "./geometry.js";
import type { LabelMap } from "./label_map.js";
import { isObject } from "./runs.js";
import { areaOf, covers, inOrder, isSame, type Suggestion, visitPixels } from "./suggestion.js";

export interface Learned {
  /** Tells it from all others. */
  id: string;
  /** From which it comes back. */
  file: Blob;
  /** The image that it was learned from, by its id; undefined: it was opened from a file. */
  image: string | undefined;
  /** Labelled objects that it was learned from. */
  objects: number;
  /** The class that most of them have, which what is found gets. */
  classId: string | null;
  /** Undefined: nothing is known of it. */
  quality: FinderQuality | undefined;
  /** Of what was learned before; undefined: nothing was. */
  before: FinderQuality | undefined;
}

/** What a project has of them besides its images. */
export interface Findings {
  readonly learned: Learned | undefined;
  /** How sure a suggestion has to be to be shown, 0..1. */
  readonly threshold: number;
}

/** What an image has of suggestions. */
export interface SuggestedImage {
  /** The surest first. */
  suggestions: readonly Suggestion[];
  /** What the person threw away. */
  rejected: readonly Suggestion[];
  /** The id of what it was searched with last; empty: it was not. */
  searchedBy: string;
}

type OpenImage = SuggestedImage & { readonly labels: LabelMap };

/** The choice stays at its place in the list when what was chosen is gone. */
interface Choice {
  suggestion: Suggestion | undefined;
  place: number;
}

export class Suggestions {
  readonly learned = signal<Learned | undefined>(undefined);
  /** How sure a suggestion has to be to be shown, 0..1. */
  readonly threshold = signal(0.5);
  /** Counts the changes of suggestions, in whichever image. */
  readonly changes = signal(0);

  /** Those of the open image that are not labelled objects already. */
  readonly free = computed<readonly Suggestion[]>(() => {
    void [this.changes.value, this.#objectChanges.value];
    const current = this.#current.value;
    if (current && current.labels !== this.#seen) current.suggestions.forEach((suggestion) => this.#labelled.delete(suggestion));
    this.#seen = current?.labels;
    return current?.suggestions.filter((suggestion) => !this.#isLabelled(suggestion, current.labels)) ?? [];
  });
  /** Those of them that are sure enough. */
  readonly shown = computed(() => this.free.value.filter((suggestion) => suggestion.sureness >= this.threshold.value));
  readonly chosen = computed<Suggestion | undefined>(() => {
    const choice = this.#choice.value;
    const shown = this.shown.value;
    if (!choice) return undefined;
    return choice.suggestion && shown.includes(choice.suggestion) ? choice.suggestion : shown[Math.min(choice.place, shown.length - 1)];
  });

  #current;
  #objectChanges;
  #choice = signal<Choice | undefined>(undefined);
  /** The label map for which was last told what is labelled. */
  #seen: LabelMap | undefined;
  /** Whether at least half of a suggestion belongs to objects. */
  #labelled = new WeakMap<Suggestion, boolean>();

  /** What is shown of the suggestions of an image that is not open. */
  #shownElsewhere = new WeakMap<readonly Suggestion[], { threshold: number; shown: readonly Suggestion[] }>();

  /** @param damage of the current image's label map */
  constructor(current: ReadonlySignal<OpenImage | undefined>, objectChanges: ReadonlySignal<number>, damage: Damage) {
    this.#current = current;
    this.#objectChanges = objectChanges;
    damage.onDamage((box) => {
      for (const suggestion of current.peek()?.suggestions ?? []) if (intersection(suggestion, box)) this.#labelled.delete(suggestion);
    });
  }

  /** Those of any image that are sure enough, and not known to be labelled objects. */
  shownOf(image: SuggestedImage): readonly Suggestion[] {
    const threshold = this.threshold.value;
    const { suggestions } = image;
    if (image === this.#current.value) {
      this.#shownElsewhere.delete(suggestions);
      return this.shown.value;
    }
    const known = this.#shownElsewhere.get(suggestions);
    if (known?.threshold === threshold) return known.shown;
    const shown = suggestions.filter((suggestion) => suggestion.sureness >= threshold && !this.#labelled.get(suggestion));
    this.#shownElsewhere.set(suggestions, { threshold, shown });
    return shown;
  }

  choose(suggestion: Suggestion | undefined) {
    this.#choice.value = suggestion && { suggestion, place: this.shown.peek().indexOf(suggestion) };
  }

  /** The surest one, which may be found only later. */
  chooseFirst() {
    this.#choice.value = { suggestion: this.shown.peek()[0], place: 0 };
  }

  /** Chooses the one so many places further, round the list; without one the first or the last. */
  step(step: number) {
    const [shown, chosen] = [this.shown.peek(), this.chosen.peek()];
    const place = chosen ? shown.indexOf(chosen) + step : Math.min(0, step);
    this.choose(shown.at(place % (shown.length || 1)));
  }

  /** The surest one at an image point. */
  at(point: Point) {
    return this.shown.peek().find((suggestion) => covers(suggestion, point));
  }

  /** Takes what a search found in an image, but for what the person threw away there. */
  put(image: SuggestedImage, found: readonly Suggestion[], searchedBy: string) {
    image.suggestions = found.filter((suggestion) => !image.rejected.some((gone) => isSame(gone, suggestion)));
    image.searchedBy = searchedBy;
    this.#changed();
  }

  withdraw(image: SuggestedImage, gone: readonly Suggestion[]) {
    image.suggestions = image.suggestions.filter((suggestion) => !gone.includes(suggestion));
    this.#changed();
  }

  giveBack(image: SuggestedImage, given: readonly Suggestion[]) {
    image.suggestions = inOrder([...image.suggestions, ...given.filter((suggestion) => !image.suggestions.includes(suggestion))]);
    this.#changed();
  }

  get findings(): Findings {
    return { learned: this.learned.peek(), threshold: this.threshold.peek() };
  }

  /** Takes over what storage or a project file kept. */
  restore({ learned, threshold }: Findings) {
    batch(() => {
      this.learned.value = learned;
      this.threshold.value = threshold;
    });
  }

  #changed() {
    this.changes.value += 1;
  }

  #isLabelled(suggestion: Suggestion, { values, width }: LabelMap) {
    let labelled = this.#labelled.get(suggestion);
    if (labelled === undefined) {
      let taken = 0;
      visitPixels(suggestion, width, (start, end) => {
        for (let i = start; i < end; i++) if (isObject(values[i])) taken += 1;
      });
      labelled = 2 * taken >= areaOf(suggestion);
      this.#labelled.set(suggestion, labelled);
    }
    return labelled;
  }
}
