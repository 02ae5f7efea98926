// The panel "Find the rest": the search, how sure a suggestion has to be, the chosen one, and how good what was learned is.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { beforeSentence, counted, noteOf, percent, qualitySentence } from "./finding_words.js";
import { SearchedImages } from "./searched_images.js";

const text = (id: string) => byId(id, HTMLElement);
const sureness = byId("sureness", HTMLInputElement);
const surenessValue = byId("sureness-value", HTMLOutputElement);
const bar = byId("rest-bar", HTMLProgressElement);
const finderFile = byId("finder-file", HTMLInputElement);
const openFinder = byId("open-finder", HTMLButtonElement);

function tell(element: HTMLElement, sentence: string) {
  // The same text again would be read aloud again.
  if (element.textContent !== sentence) element.textContent = sentence;
  element.hidden = sentence === "";
}

export class SuggestionsPanel {
  #bench;

  constructor(bench: Workbench) {
    this.#bench = bench;
    const { suggestions } = bench.project;
    sureness.oninput = () => (suggestions.threshold.value = sureness.valueAsNumber);
    openFinder.onclick = () => finderFile.click();
    finderFile.addEventListener("change", () => this.#open());
    effect(() => this.#showSearch());
    effect(() => this.#showSuggestions());
    effect(() => this.#showLearned());
    new SearchedImages(bench);
  }

  #open() {
    const file = finderFile.files?.[0];
    if (file) this.#bench.session.finding.open(file);
    // The same file can be chosen again.
    finderFile.value = "";
  }

  #showSearch() {
    count("search for the rest");
    const { project, session } = this.#bench;
    const { finding } = session;
    const { learned } = project.suggestions;
    const [progress, everywhere, running] = [finding.progress.value, finding.everywhere.value, finding.running.value];
    document.documentElement.dataset.finding = running ? "running" : "none";
    text("find-rest").hidden = running;
    text("find-everywhere").hidden = running;
    text("rest-progress").hidden = !running;
    void project.objectChanges.value;
    tell(text("rest-note"), running ? "" : noteOf(project.current.value?.objectCount ?? 0, finding.teaches, learned.value));
    openFinder.disabled = !session.model.info.value;
    if (!running) return;
    bar.value = progress?.fraction ?? 0;
    const [all, left] = [finding.all.value, finding.left.value.length];
    const where = everywhere ? `, image ${Math.min(all, all - left + 1).toLocaleString("en")} of ${all.toLocaleString("en")}` : "";
    text("rest-state").textContent = progress ? `Searching ${progress.name}${where}` : "Waiting…";
  }

  #showSuggestions() {
    count("suggestions");
    const { free, shown, chosen, threshold, learned } = this.#bench.project.suggestions;
    const [all, visible, one] = [free.value.length, shown.value, chosen.value];
    sureness.value = String(threshold.value);
    surenessValue.value = percent(threshold.value);
    text("suggestion-controls").hidden = all === 0;
    byId("suggestion-count", HTMLOutputElement).value = learned.value ? visible.length.toLocaleString("en") : "–";
    text("suggestion-count-label").textContent = visible.length === 1 ? "suggestion" : "suggestions";
    tell(text("suggestion-facts"), `${counted(all, "suggestion")}, ${visible.length.toLocaleString("en")} shown`);
    const place = one ? visible.indexOf(one) + 1 : 0;
    text("chosen-suggestion").textContent = one
      ? `No. ${place.toLocaleString("en")}, sure to ${percent(one.sureness)}`
      : visible.length > 0
        ? "None chosen"
        : "None is that sure";
  }

  #showLearned() {
    const learned = this.#bench.project.suggestions.learned.value;
    tell(text("rest-quality"), learned?.quality ? qualitySentence(learned.quality) : "");
    tell(text("rest-quality-before"), learned?.quality ? beforeSentence(learned) : "");
  }
}
