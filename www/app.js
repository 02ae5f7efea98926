// Wires the page's controls to the session and shows the session's state.

import { byId, isTyping, keysToImage } from "./dom.js";
import { Compare } from "./compare.js";
import { CrashError } from "./engine_client.js";
import { LabelTools } from "./label_tools.js";
import { LabelsPanel } from "./labels_panel.js";
import { ModelsPanel } from "./models_panel.js";
import { Offline } from "./offline.js";
import { Project } from "./project.js";
import { PromptInput } from "./prompt_input.js";
import { Session } from "./session.js";
import { describe } from "./status.js";
import { TrainingPanel } from "./training_panel.js";
import { Viewer } from "./viewer.js";
import { WindowControls } from "./window_controls.js";

const root = document.documentElement;
const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const imageFile = byId("image-file", HTMLInputElement);
const modelFile = byId("model-file", HTMLInputElement);
const status = byId("status", HTMLElement);
const previewed = byId("preview", HTMLInputElement);
const progressBar = byId("progress", HTMLProgressElement);
const busyStates = ["loading", "encoding", "predicting"];

const project = new Project((sentence) => showAlert(sentence));
const viewer = new Viewer(byId("canvas", HTMLCanvasElement));
const tools = new LabelTools(viewer, {
  changed() {
    if (tools.tool !== "prompt") session.preview.clear();
    labels.show();
  },
  labelled: () => project.labelsChanged(),
  strokeBegins: () => project.flush(),
  accepted: () => session.clear(),
  undoPrompt: () => session.undo(),
  failed: (sentence) => showAlert(sentence),
});
const controls = new WindowControls((display, committed) => {
  session.setDisplay(display, committed);
  if (committed) project.setDisplay(display);
});
const device = new URLSearchParams(location.search).get("device") ?? "auto";
const session = new Session(device, controls.display, () => project.labelled, {
  changed: show,
  failed: (sentence) => showAlert(sentence),
  progress: showProgress,
  imageOpened,
  rendered(pixels) {
    viewer.setPixels(pixels);
    compare.imageChanged();
  },
  masked: (mask) => tools.setMask(mask),
  previewed(mask) {
    viewer.setPreview(mask);
    root.dataset.preview = mask ? "shown" : "none";
  },
  compared: (mask) => compare.setMask(mask),
});
const promptInput = new PromptInput(viewer, tools, addPrompt, showPosition, (point) => session.preview.point(point));
const labels = new LabelsPanel(tools, project, {
  read: (file) => session.request("labelIds", [file]).done,
  sampleLabels: () => session.request("sampleLabels", []).done,
  download: (ids, width, height) => savePng(() => session.request("labelsPng", [ids, width, height]).done, "labels"),
  open: openSource,
  show: (shown) => viewer.showLabels(shown),
  pointed: () => promptInput.at,
  failed: showError,
});
const compare = new Compare(viewer);
const training = new TrainingPanel(session, () => project.labelled, { save: saveFile, failed: showError });
project.onChange(() => training.show());
const models = new ModelsPanel(byId("models", HTMLElement), {
  list: () => session.request("listModels", []).done,
  use: openModel,
  download(entry, progress) {
    // So that the browser does not clear a large download by itself.
    void navigator.storage?.persist?.();
    return session.request("downloadModel", [entry], progress);
  },
  remove: (entry) => session.request("removeModel", [entry.sha256]).done,
  failed: showError,
});
const offline = new Offline({
  ready: () => showOffline("ready", "works"),
  unavailable: () => showOffline("unavailable", "not in this window"),
  updated: () => (byId("update", HTMLElement).hidden = false),
});

/** @param {string} state @param {string} words */
function showOffline(state, words) {
  root.dataset.offline = state;
  byId("offline-state", HTMLElement).textContent = words;
}

/** @param {string} sentence @param {{text: string, address: string}} [link] */
function showAlert(sentence, link) {
  const anchor = byId("alert-link", HTMLAnchorElement);
  byId("alert-text", HTMLElement).textContent = sentence;
  anchor.hidden = link === undefined;
  anchor.textContent = link?.text ?? "";
  if (link) anchor.href = link.address;
  byId("alert", HTMLElement).hidden = false;
}

/** @param {unknown} error @param {{text: string, address: string}} [link] */
function showError(error, link) {
  // The session tells of crashes itself.
  if (error instanceof CrashError) return;
  showAlert(error instanceof Error ? error.message : String(error), link);
}

function dismissAlert() {
  byId("alert", HTMLElement).hidden = true;
  byId("alert-text", HTMLElement).textContent = "";
}

/** @param {Progress | null} progress */
function showProgress(progress) {
  progressBar.hidden = progress === null;
  if (!progress) return;
  progressBar.ariaLabel = progress.label;
  if (progress.fraction === null) progressBar.removeAttribute("value");
  else progressBar.value = progress.fraction;
}

/** @param {{x: number, y: number} | undefined} point */
function showPosition(point) {
  byId("position", HTMLOutputElement).value = point ? `x ${Math.floor(point.x)}, y ${Math.floor(point.y)}` : "";
}

/** @param {ImageInfo} info */
function imageOpened(info) {
  promptInput.forget();
  viewer.setSize(info.width, info.height);
  controls.setImage(info);
  if (session.imageSource) {
    const { labels, display } = project.open(session.imageSource, info.width, info.height, controls.display);
    controls.setDisplay(display);
    tools.setLabels(labels);
  }
  session.setDisplay(controls.display, true);
  byId("image-facts", HTMLElement).textContent = `${session.imageName}: ${info.width} × ${info.height}, ${info.kind}`;
  byId("empty-hint", HTMLElement).hidden = true;
}

/** Shows all that follows from the session's state. */
function show() {
  const { state, prediction, prompts } = session;
  root.dataset.state = state;
  root.ariaBusy = String(busyStates.includes(state));
  // Not before the model is here, so that the two do not share the connection.
  if (state !== "loading") void offline.start();
  const sentence = describe(session);
  // The same text again would be read aloud again.
  if (status.textContent !== sentence) status.textContent = sentence;
  button("cancel").hidden = state !== "encoding";
  button("encode").hidden = !session.encodePaused;
  button("undo").disabled = prompts.length === 0;
  button("clear").disabled = prompts.length === 0;
  button("download-mask").disabled = state !== "masked";
  viewer.setPrompts(prompts, prediction?.prompts.length ?? 0);
  viewer.showMask(prompts.length > 0);
  compare.show(session.decoder.comparing);
  compare.setPrompts(prompts, prediction);
  training.show();
  showCandidates();
  previewed.checked = session.preview.on;
  byId("device-name", HTMLElement).textContent = session.device?.device ?? "–";
  const note = byId("device-note", HTMLElement);
  note.textContent = session.device?.note ?? "";
  note.hidden = !session.device?.note;
  byId("model-name", HTMLElement).textContent = session.model?.name ?? "none yet";
  const parameters = session.model?.parameters;
  byId("model-size", HTMLElement).textContent = parameters ? `${(parameters / 1e6).toFixed(1)} M parameters` : "";
  models.setUsed(session.model && session.modelSource);
  tools.setPrompted(prompts.length > 0, state === "masked");
  labels.show();
}

/** @param {Prompt} prompt */
function addPrompt(prompt) {
  tools.prompted();
  session.addPrompt(prompt);
}

function showCandidates() {
  const { prediction, candidates, selected } = session;
  const visible = prediction !== undefined && session.prompts.length > 0;
  button("candidate-previous").disabled = candidates < 2 || selected === 0;
  button("candidate-next").disabled = candidates < 2 || selected === candidates - 1;
  byId("candidate-text", HTMLElement).textContent = !visible
    ? "No mask yet"
    : candidates > 1
      ? `Candidate ${selected + 1} of ${candidates}`
      : "Refined mask";
  const iou = visible ? prediction.ious[prediction.selected] : undefined;
  byId("predicted-iou", HTMLOutputElement).value = iou === undefined ? "–" : iou.toFixed(3);
}

/** @param {Blob} file @param {string} name */
function openImage(file, name) {
  openSource({ kind: "file", name, file });
}

/** @param {ImageSource} source */
function openSource(source) {
  dismissAlert();
  // It may be one of an earlier visit's, with labels.
  void project.restored.then(() => session.openImage(source));
}

/** @param {ModelSource} source */
function openModel(source) {
  dismissAlert();
  session.openModel(source);
}

/** @param {File | undefined} file */
function openFile(file) {
  if (!file) return;
  if (/\.(safetensors|pth)$/i.test(file.name)) openModel({ kind: "file", file });
  else openImage(file, file.name || "pasted image");
}

/** @param {Blob} file @param {string} name */
function saveFile(file, name) {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** The mask as it is shown. */
function downloadMask() {
  const { correctedMask } = tools;
  if (!correctedMask) return savePng(() => session.maskPng(), "mask");
  const values = Uint32Array.from(correctedMask);
  return savePng(() => session.request("labelsPng", [values, viewer.width, viewer.height]).done, "mask");
}

/** @param {() => Promise<Uint8Array<ArrayBuffer>>} make @param {string} kind */
async function savePng(make, kind) {
  const name = `${session.imageName.replace(/\.[^.]*$/, "")}-${kind}.png`;
  try {
    saveFile(new Blob([await make()], { type: "image/png" }), name);
  } catch (error) {
    showError(error);
  }
}

/** The keys that work everywhere but where they have a meaning of their own. @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || isTyping(event.target)) return;
  /** @type {Record<string, () => void>} */
  const actions = {
    Backspace: () => session.undo(),
    Escape: () => promptInput.reset() || session.clear(),
    "[": () => session.select(session.selected - 1),
    "]": () => session.select(session.selected + 1),
    h: () => session.preview.choose(!session.preview.on),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

/** @param {HTMLInputElement} input @param {(file: File | undefined) => void} open */
function onFile(input, open) {
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    open(file);
    // The same file can be chosen again.
    input.value = "";
  });
}

function wire() {
  button("open-image").onclick = () => imageFile.click();
  button("open-model").onclick = () => modelFile.click();
  onFile(imageFile, openFile);
  onFile(modelFile, (file) => file && openModel({ kind: "file", file }));
  button("open-sample").onclick = () => {
    openSource({ kind: "sample", name: "sample" });
  };
  button("cancel").onclick = () => session.cancelEncode();
  button("encode").onclick = () => session.encode();
  for (const [id, step] of /** @type {const} */ ([["candidate-previous", -1], ["candidate-next", 1]])) {
    button(id).onclick = (click) => {
      session.select(session.selected + step);
      keysToImage(click);
    };
  }
  previewed.onchange = () => session.preview.choose(previewed.checked);
  button("undo").onclick = () => session.undo();
  button("clear").onclick = () => session.clear();
  button("download-mask").onclick = () => void downloadMask();
  button("dismiss-alert").onclick = dismissAlert;
  button("use-update").onclick = () => offline.useUpdate();
  button("zoom-in").onclick = () => viewer.zoom(1.5);
  button("zoom-out").onclick = () => viewer.zoom(1 / 1.5);
  button("zoom-fit").onclick = () => viewer.fit();
  document.addEventListener("keydown", onKey);
  document.addEventListener("paste", (event) => openFile(event.clipboardData?.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("dragging");
    openFile(event.dataTransfer?.files[0]);
  });
}

async function showCatalogue() {
  try {
    const response = await fetch(new URL("./catalogue.json", import.meta.url));
    await models.setCatalogue(await response.json());
  } catch {
    showAlert("The list of further models could not be read; reload the page to try again.");
  }
}

wire();
session.start();
void showCatalogue();
