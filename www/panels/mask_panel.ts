// The panel "Mask": the candidates of the answer, its predicted IoU, and what can be done with it.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";

const button = (id: string) => byId(id, HTMLButtonElement);
const candidateText = byId("candidate-text", HTMLElement);
const predictedIou = byId("predicted-iou", HTMLOutputElement);
const preview = byId("preview", HTMLInputElement);

export class MaskPanel {
  #draft;
  #preview;

  constructor({ draft, session }: Workbench) {
    this.#draft = draft;
    this.#preview = session.preview;
    preview.onchange = () => session.preview.choose(preview.checked);
    effect(() => this.#show());
  }

  #show() {
    count("mask");
    const draft = this.#draft;
    const prompted = draft.rounds.value.length > 0;
    button("undo").disabled = !prompted;
    button("clear").disabled = !prompted;
    button("accept-mask").disabled = !draft.hasMask.value;
    button("refine-object").ariaPressed = String(draft.refined.value > 0);
    preview.checked = this.#preview.on.value;
    this.#showCandidates(prompted);
  }

  #showCandidates(prompted: boolean) {
    const { candidates, selected, answer } = this.#draft;
    const [all, chosen] = [candidates.value, selected.value];
    const prediction = prompted ? answer.value?.prediction : undefined;
    button("candidate-previous").disabled = all < 2 || chosen === 0;
    button("candidate-next").disabled = all < 2 || chosen === all - 1;
    const shown = all > 1 ? `Candidate ${chosen + 1} of ${all}` : "Refined mask";
    candidateText.textContent = prediction ? shown : "No mask yet";
    predictedIou.value = prediction ? prediction.ious[prediction.selected].toFixed(3) : "–";
  }
}
