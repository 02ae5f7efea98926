// What the session is at: the status line, its progress, the open image, the model and the device.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { pixelSizeOf } from "../document/scale.js";
import { diagnosticsOf } from "../session/diagnostics.js";
import { isChecked } from "../session/gpu_check.js";
import { speedLines } from "../session/gpu_speed.js";
import type { State } from "../session/session.js";
import { byId } from "./dom.js";
import { count } from "./drawn.js";
import { factsOf } from "./image_facts.js";
import { describe } from "./status.js";

const BUSY: readonly State[] = ["loading", "encoding", "predicting"];

const main = byId("main", HTMLElement);
const status = byId("status", HTMLElement);
const progressBar = byId("progress", HTMLProgressElement);
const cancel = byId("cancel", HTMLButtonElement);
const encode = byId("encode", HTMLButtonElement);
const imageFacts = byId("image-facts", HTMLElement);
const emptyHint = byId("empty-hint", HTMLElement);
const modelName = byId("model-name", HTMLElement);
const modelSize = byId("model-size", HTMLElement);
const deviceName = byId("device-name", HTMLElement);
const deviceNote = byId("device-note", HTMLElement);
const tryGpu = byId("try-gpu", HTMLButtonElement);
const measureGpu = byId("measure-gpu", HTMLButtonElement);
const gpuSpeed = byId("gpu-speed", HTMLElement);
const diagnostics = byId("diagnostics", HTMLTextAreaElement);

export class SessionPanel {
  #bench;
  #session;

  constructor(bench: Workbench) {
    this.#bench = bench;
    this.#session = bench.session;
    tryGpu.onclick = () => {
      this.#session.scheduler.forgiveGpu();
      location.reload();
    };
    measureGpu.onclick = () => void this.#session.gpuSpeed.measure();
    byId("copy-diagnostics", HTMLButtonElement).onclick = () => void this.#copyDiagnostics();
    effect(() => this.#show());
    effect(() => this.#showImage());
    effect(() => this.#showModel());
    effect(() => this.#showSpeed());
    // It moves often, so it draws alone.
    effect(() => this.#showProgress());
  }

  async #copyDiagnostics() {
    const text = await diagnosticsOf(this.#session);
    try {
      await navigator.clipboard.writeText(text);
      diagnostics.hidden = true;
      this.#bench.notices.tell("The diagnostics were copied: browser, adapter, times and crashes, and nothing of your images.");
    } catch {
      // Over plain http, or where the browser refuses it, the person copies it.
      diagnostics.value = text;
      diagnostics.hidden = false;
      diagnostics.select();
    }
  }

  #show() {
    count("session");
    const { state, encodePaused } = this.#session;
    document.documentElement.dataset.state = state.value;
    main.ariaBusy = String(BUSY.includes(state.value));
    const sentence = describe(this.#bench);
    // The same text again would be read aloud again.
    if (status.textContent !== sentence) status.textContent = sentence;
    cancel.hidden = state.value !== "encoding";
    encode.hidden = !encodePaused.value;
  }

  #showProgress() {
    const progress = this.#session.activity.progress.value;
    progressBar.hidden = !progress;
    if (!progress) return;
    progressBar.ariaLabel = progress.label;
    if (progress.fraction === null) progressBar.removeAttribute("value");
    else progressBar.value = progress.fraction;
  }

  #showImage() {
    const { info, source, display } = this.#session.image;
    emptyHint.hidden = info.value !== undefined;
    if (!info.value || !source.value) return;
    imageFacts.textContent = factsOf({ ...info.value, pixel_size: pixelSizeOf(display.value, info.value) }, source.value);
  }

  #showModel() {
    const { name, parameters } = this.#session.model.info.value ?? {};
    modelName.textContent = name ?? "none yet";
    modelSize.textContent = parameters ? `${(parameters / 1e6).toFixed(1)} M parameters` : "";
    const shown = this.#session.scheduler.device.value;
    const { device, note } = shown ?? {};
    deviceName.textContent = device ?? "–";
    deviceNote.textContent = note ?? "";
    deviceNote.hidden = !note;
    measureGpu.hidden = !shown || !isChecked(shown);
    tryGpu.hidden = !this.#session.scheduler.gpuDoubted.value;
  }
  #showSpeed() {
    const { measuring, speed } = this.#session.gpuSpeed;
    measureGpu.disabled = measuring.value || !this.#session.model.loaded.value;
    measureGpu.ariaBusy = String(measuring.value);
    gpuSpeed.hidden = !measuring.value && !speed.value;
    gpuSpeed.textContent = measuring.value
      ? "The GPU is being checked and measured…"
      : speed.value
        ? speedLines(speed.value).join("\n")
        : "";
  }
}
