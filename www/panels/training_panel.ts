// The panel "Fine-tune": training, its settings and plot, and the decoder that came of it.

import { effect } from "../vendor/signals-core.js";
import type { DecoderFile } from "../commands/files.js";
import type { Workbench } from "../commands/workbench.js";
import type { LabelledImage } from "../document/project.js";
import type { Naming } from "../engine/graysam.js";
import type { TrainingJob, TrainingPhase } from "../session/training_job.js";
import { judgesOf } from "../session/training_set.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { Plot } from "./plot.js";
import { SettingsForm } from "./settings_form.js";
import type { StorageUse } from "./storage_use.js";

const button = (id: string) => byId(id, HTMLButtonElement);
const input = (id: string) => byId(id, HTMLInputElement);
const text = (id: string) => byId(id, HTMLElement);

function counted(number: number, thing: string) {
  return `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
}

function timeLeft(milliseconds: number | undefined) {
  if (milliseconds === undefined) return "estimating the time left…";
  const seconds = milliseconds / 1000;
  if (seconds < 55) return `about ${Math.max(5, Math.ceil(seconds / 5) * 5)} s left`;
  if (seconds < 3570) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

function tell(element: HTMLElement, sentence: string) {
  // The same text again would be read aloud again.
  if (element.textContent !== sentence) element.textContent = sentence;
  element.hidden = sentence === "";
}

function isRunning(phase: TrainingPhase) {
  return phase === "preparing" || phase === "training";
}

export class TrainingPanel {
  #bench;
  #storageUse;
  #training;
  #decoder;
  #form;
  #plot = new Plot(byId("training-plot", HTMLCanvasElement));

  constructor(bench: Workbench, storageUse: StorageUse) {
    this.#bench = bench;
    this.#storageUse = storageUse;
    this.#training = bench.session.training;
    this.#decoder = bench.session.decoder;
    this.#form = new SettingsForm(byId("training-settings", HTMLFormElement), "training", bench.session.scheduler.ranges);
    this.#listen();
    effect(() => this.#show());
  }

  /** Begins a training, if its settings are right. */
  train() {
    const bad = this.#form.invalid;
    if (bad) {
      byId("training-details", HTMLDetailsElement).open = true;
      bad.reportValidity();
      return;
    }
    const settings = this.#form.read();
    if (!settings) return;
    // So that the browser does not clear the checkpoint by itself.
    void this.#storageUse.persist();
    // Five evaluations, or more in a long training.
    this.#training.start({ ...settings, evaluate_every: Math.min(settings.evaluate_every, Math.ceil(settings.steps / 5)) });
  }

  #listen() {
    const decoder = this.#decoder;
    button("open-decoder").onclick = () => input("decoder-file").click();
    input("decoder-file").addEventListener("change", () => this.#openDecoder());
    input("use-untouched").addEventListener("change", () => decoder.use(false));
    input("use-fine-tuned").addEventListener("change", () => decoder.use(true));
    input("compare-decoders").addEventListener("change", () => decoder.compare(input("compare-decoders").checked));
    button("download-decoder").onclick = () => {
      const names = byId("download-names", HTMLSelectElement).value as Naming;
      void this.#bench.files.downloadDecoder(what.value as DecoderFile, names);
    };
    const what = byId("download-what", HTMLSelectElement);
    what.addEventListener("change", () => (byId("download-names-row", HTMLElement).hidden = what.value === "package"));
  }

  #openDecoder() {
    const file = input("decoder-file").files?.[0];
    if (file) this.#decoder.open(file);
    // The same file can be chosen again.
    input("decoder-file").value = "";
  }

  #show() {
    count("training");
    const training = this.#training;
    // Its state is no signal but for this.
    void training.changes.value;
    const { phase, info } = training;
    document.documentElement.dataset.training = phase;
    this.#showButtons(phase);
    tell(text("training-state"), describeState(training, this.#bench.project.labelled.value));
    tell(text("training-obstacle"), isRunning(phase) ? "" : training.obstacle);
    tell(text("training-outcome"), describeOutcome(training));
    this.#showProgress();
    text("training-figure").hidden = !info;
    this.#plot.show(info);
    this.#showDecoder();
  }

  #showButtons(phase: TrainingPhase) {
    const { info, stored, ending, obstacle, resumeObstacle } = this.#training;
    const known = this.#bench.session.scheduler.ranges.value !== undefined;
    const running = isRunning(phase);
    const resumable = phase === "stopped" || phase === "stored";
    button("train").hidden = running;
    button("train").disabled = obstacle !== "" || !known;
    button("train").textContent = resumable || phase === "done" ? "Train anew" : "Train";
    button("train").classList.toggle("primary", !resumable);
    button("stop-training").hidden = !running;
    button("stop-training").disabled = ending;
    button("resume-training").hidden = !resumable;
    button("resume-training").disabled = resumeObstacle !== "";
    button("discard-training").hidden = running || !(info || stored);
  }

  #showProgress() {
    const { phase, info, preparing, progress } = this.#training;
    text("training-progress").hidden = !isRunning(phase);
    if (!isRunning(phase)) return;
    const bar = byId("training-bar", HTMLProgressElement);
    if (phase === "training") bar.value = progress.fraction;
    else if (preparing) bar.value = (preparing.place - 1 + preparing.fraction) / preparing.all;
    else bar.removeAttribute("value");
    text("training-count").textContent = phase === "training" && info ? `Step ${info.step} of ${info.settings.steps}` : "";
    text("training-left").textContent = phase === "training" ? timeLeft(progress.left) : "";
  }

  #showDecoder() {
    const { info, wanted, comparing } = this.#decoder;
    const { base, steps, before, after } = info.value ?? {};
    text("decoder-controls").hidden = !info.value;
    input("use-untouched").checked = !wanted.value;
    input("use-fine-tuned").checked = wanted.value;
    input("compare-decoders").checked = comparing.value;
    button("download-decoder").disabled = this.#bench.files.savingDecoder.value;
    button("open-decoder").disabled = !this.#bench.session.model.info.value;
    text("decoder-facts").textContent =
      steps === undefined
        ? "There is no fine-tuned decoder yet; train one or open its file."
        : `Made from ${base} by ${counted(steps, "step")}.`;
    text("decoder-scores").hidden = !before || !after;
    if (!before || !after) return;
    text("scores-caption").textContent = `Mean IoU of ${counted(after.objects, "held-out object")}`;
    text("point-before").textContent = before.point_iou.toFixed(3);
    text("point-after").textContent = after.point_iou.toFixed(3);
    text("box-before").textContent = before.box_iou.toFixed(3);
    text("box-after").textContent = after.box_iou.toFixed(3);
  }
}

function describeState(training: TrainingJob, labelled: readonly LabelledImage[]) {
  const { phase, info, preparing, ending } = training;
  switch (phase) {
    case "preparing":
      if (!preparing) return "Preparing the training…";
      return `Preparing ${preparing.name}, image ${preparing.place} of ${preparing.all}…`;
    case "training":
      if (ending) return "Finishing the piece of work at hand…";
      return `Training on ${counted(info?.training_objects ?? 0, "object")}, judged by ${info?.held_out_objects} held out.`;
    case "stopped":
      return `Stopped after step ${info?.step} of ${info?.settings.steps}.`;
    case "done":
      return `Done after ${counted(info?.step ?? 0, "step")}.`;
    case "stored":
      return describeStored(training);
    default:
      return describeSet(labelled);
  }
}

function describeStored({ stored, resumeObstacle }: TrainingJob) {
  if (!stored) return "";
  const { model, step, settings } = stored;
  const when = new Date(stored.when).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  const what = `A training of ${model}, after step ${step} of ${settings.steps}, is kept from ${when}.`;
  return `${what} ${resumeObstacle || "Resume goes on with it and brings its decoder back."}`;
}

function describeSet(labelled: readonly LabelledImage[]) {
  const objects = labelled.reduce((sum, image) => sum + image.objects, 0);
  if (objects === 0) return "";
  return `${counted(objects, "object")} in ${counted(labelled.length, "image")}, ${judgesOf(labelled)}.`;
}

function describeOutcome({ info, improved, phase }: TrainingJob) {
  const skipped = info?.losses.filter((loss) => loss === null).length ?? 0;
  const skips = skipped > 0 ? `${counted(skipped, "step")} skipped, because the loss was no number. ` : "";
  if (improved !== false || (phase !== "done" && phase !== "stopped")) return skips.trim();
  const evaluated = (info?.evaluations.length ?? 0) > 1;
  const outcome = evaluated
    ? "Nothing beat the untouched decoder on the held-out objects, so that one stays in use; more labelled objects or a lower learning rate may help."
    : "No step was judged yet, so the untouched decoder stays in use.";
  return skips + outcome;
}
