// The "Fine-tune" section: training, its settings and plot, and the decoder that came of it.

import { byId } from "./dom.js";
import { Plot } from "./plot.js";

/** @typedef {import("./session.js").Session} Session */

/**
 * @typedef {object} PanelActions
 * @property {(file: Blob, name: string) => void} save hands a file to the person
 * @property {(error: unknown) => void} failed
 */

const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const input = (/** @type {string} */ id) => byId(id, HTMLInputElement);
const text = (/** @type {string} */ id) => byId(id, HTMLElement);

/** @param {number} count @param {string} thing */
function counted(count, thing) {
  return `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;
}

/** @param {number | undefined} milliseconds */
function timeLeft(milliseconds) {
  if (milliseconds === undefined) return "estimating the time left…";
  const seconds = milliseconds / 1000;
  if (seconds < 55) return `about ${Math.max(5, Math.ceil(seconds / 5) * 5)} s left`;
  if (seconds < 3570) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** @param {HTMLElement} element @param {string} sentence */
function tell(element, sentence) {
  // The same text again would be read aloud again.
  if (element.textContent !== sentence) element.textContent = sentence;
  element.hidden = sentence === "";
}

export class TrainingPanel {
  #session;
  #labelled;
  #actions;
  #plot = new Plot(byId("training-plot", HTMLCanvasElement));
  #saving = false;

  /** @param {Session} session @param {() => LabelledImage[]} labelled @param {PanelActions} actions */
  constructor(session, labelled, actions) {
    this.#session = session;
    this.#labelled = labelled;
    this.#actions = actions;
    const { training, decoder } = session;
    button("train").onclick = () => this.#train();
    button("stop-training").onclick = () => training.stop();
    button("resume-training").onclick = () => training.resume();
    button("discard-training").onclick = () => training.discard();
    button("open-decoder").onclick = () => input("decoder-file").click();
    input("decoder-file").addEventListener("change", () => this.#openDecoder());
    input("use-untouched").addEventListener("change", () => decoder.use(false));
    input("use-fine-tuned").addEventListener("change", () => decoder.use(true));
    input("compare-decoders").addEventListener("change", () => decoder.compare(input("compare-decoders").checked));
    button("download-decoder").onclick = () => void this.#download();
  }

  /** Shows all that follows from the session's state. */
  show() {
    const { phase, info, stored, resumeObstacle } = this.#session.training;
    document.documentElement.dataset.training = phase;
    const running = phase === "preparing" || phase === "training";
    const resumable = phase === "stopped" || phase === "stored";
    const { ending, obstacle } = this.#session.training;
    button("train").hidden = running;
    button("train").disabled = obstacle !== "";
    button("train").textContent = resumable || phase === "done" ? "Train anew" : "Train";
    button("train").classList.toggle("primary", !resumable);
    button("stop-training").hidden = !running;
    button("stop-training").disabled = ending;
    button("resume-training").hidden = !resumable;
    button("resume-training").disabled = resumeObstacle !== "";
    button("discard-training").hidden = running || !(info || stored);
    tell(text("training-state"), this.#describeState());
    tell(text("training-obstacle"), running ? "" : obstacle);
    tell(text("training-outcome"), this.#describeOutcome());
    this.#showProgress(running);
    text("training-figure").hidden = !info;
    this.#plot.show(info);
    this.#showDecoder();
  }

  #describeState() {
    const { phase, info, stored, preparing, ending, resumeObstacle } = this.#session.training;
    const done = info && `step ${info.step} of ${info.settings.steps}`;
    switch (phase) {
      case "preparing":
        if (!preparing) return "Preparing the training…";
        return `Preparing ${preparing.name}, image ${preparing.place} of ${preparing.all}…`;
      case "training":
        if (ending) return "Finishing the piece of work at hand…";
        return `Training on ${counted(info?.training_objects ?? 0, "object")}, judged by ${info?.held_out_objects} held out.`;
      case "stopped":
        return `Stopped after ${done}.`;
      case "done":
        return `Done after ${counted(info?.step ?? 0, "step")}.`;
      case "stored": {
        if (!stored) return "";
        const when = new Date(stored.when).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
        const what = `A training of ${stored.model}, after step ${stored.step} of ${stored.settings.steps}, is kept from ${when}.`;
        return `${what} ${resumeObstacle || "Resume goes on with it and brings its decoder back."}`;
      }
      default:
        return this.#describeSet();
    }
  }

  #describeSet() {
    const labelled = this.#labelled();
    const objects = labelled.reduce((sum, image) => sum + image.objects, 0);
    if (objects === 0) return "";
    const heldOut = labelled.length > 1 ? labelled.filter((image) => image.heldOut).length : 0;
    const judges = heldOut > 0 ? `${counted(heldOut, "image")} held out` : "a part of the objects is held out";
    return `${counted(objects, "object")} in ${counted(labelled.length, "image")}, ${judges}.`;
  }

  #describeOutcome() {
    const { info, improved, phase } = this.#session.training;
    const skipped = info?.losses.filter((loss) => loss === null).length ?? 0;
    const skips = skipped > 0 ? `${counted(skipped, "step")} skipped, because the loss was no number. ` : "";
    if (improved !== false || (phase !== "done" && phase !== "stopped")) return skips.trim();
    const judged = (info?.scores.length ?? 0) > 1;
    return `${skips}${
      judged
        ? "Nothing beat the untouched decoder on the held-out objects, so that one stays in use; more labelled objects or a lower learning rate may help."
        : "No step was judged yet, so the untouched decoder stays in use."
    }`;
  }

  /** @param {boolean} running */
  #showProgress(running) {
    const { info, preparing, phase, progress } = this.#session.training;
    text("training-progress").hidden = !running;
    if (!running) return;
    const bar = byId("training-bar", HTMLProgressElement);
    if (phase === "training") bar.value = progress.fraction;
    else if (preparing) bar.value = (preparing.place - 1 + preparing.fraction) / preparing.all;
    else bar.removeAttribute("value");
    text("training-count").textContent = phase === "training" && info ? `Step ${info.step} of ${info.settings.steps}` : "";
    text("training-left").textContent = phase === "training" ? timeLeft(progress.left) : "";
  }

  #showDecoder() {
    const { info, chosen, comparing } = this.#session.decoder;
    text("decoder-controls").hidden = !info;
    input("use-untouched").checked = !chosen;
    input("use-fine-tuned").checked = chosen;
    input("compare-decoders").checked = comparing;
    button("download-decoder").disabled = this.#saving;
    button("open-decoder").disabled = !this.#session.model;
    text("decoder-facts").textContent = info
      ? `Made from ${info.base} by ${counted(info.steps, "step")}.`
      : "There is no fine-tuned decoder yet; train one or open its file.";
    const { before, after } = info ?? {};
    text("decoder-scores").hidden = !before || !after;
    if (!before || !after) return;
    text("scores-caption").textContent = `Mean IoU of ${counted(after.objects, "held-out object")}`;
    text("point-before").textContent = before.point_iou.toFixed(3);
    text("point-after").textContent = after.point_iou.toFixed(3);
    text("box-before").textContent = before.box_iou.toFixed(3);
    text("box-after").textContent = after.box_iou.toFixed(3);
  }

  #train() {
    const form = byId("training-settings", HTMLFormElement);
    if (!form.checkValidity()) {
      byId("training-details", HTMLDetailsElement).open = true;
      form.reportValidity();
      return;
    }
    // So that the browser does not clear the checkpoint by itself.
    void navigator.storage?.persist?.();
    this.#session.training.start(this.#settings());
  }

  /** @returns {TrainingSettings} */
  #settings() {
    const number = (/** @type {string} */ id) => input(id).valueAsNumber;
    const steps = number("training-steps");
    return {
      steps,
      batch: number("training-batch"),
      learning_rate: number("learning-rate"),
      rounds: number("training-rounds"),
      points: number("point-part") / 100,
      held_out: number("held-out-part") / 100,
      // Five judgements, or more in a long training.
      judge_every: Math.min(20, Math.ceil(steps / 5)),
      seed: number("training-seed"),
    };
  }

  #openDecoder() {
    const file = input("decoder-file").files?.[0];
    // The same file can be chosen again.
    if (file) this.#session.decoder.open(file);
    input("decoder-file").value = "";
  }

  async #download() {
    const whole = byId("download-what", HTMLSelectElement).value === "model";
    const names = /** @type {DecoderNames} */ (byId("download-names", HTMLSelectElement).value);
    const base = this.#session.model?.name ?? "model";
    this.#saving = true;
    this.show();
    try {
      const file = await this.#session.request(whole ? "mergedFile" : "decoderFile", [names]).done;
      this.#actions.save(file, `${base.replaceAll(" ", "-")}-fine-tuned${whole ? "" : "-decoder"}.safetensors`);
    } catch (error) {
      this.#actions.failed(error);
    }
    this.#saving = false;
    this.show();
  }
}
