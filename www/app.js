// Wires the page's controls to the session and shows the session's state.

import { byId, isTyping, keysToImage } from "./dom.js";
import { ClassesPanel } from "./classes_panel.js";
import { Compare } from "./compare.js";
import { CrashError } from "./engine_client.js";
import { EverythingPanel } from "./everything_panel.js";
import { ExportPanel } from "./export_panel.js";
import { History } from "./history.js";
import { ImageDeeds } from "./image_deeds.js";
import { ImagesPanel } from "./images_panel.js";
import { InHand } from "./in_hand.js";
import { LabelTools } from "./label_tools.js";
import { LabelsPanel } from "./labels_panel.js";
import { ModelsPanel } from "./models_panel.js";
import { ObjectEditor } from "./object_editor.js";
import { ObjectsPanel } from "./objects_panel.js";
import { Offline } from "./offline.js";
import { Opening } from "./opening.js";
import { Project } from "./project.js";
import { PagesControl } from "./pages_control.js";
import { PromptInput } from "./prompt_input.js";
import { Prompting } from "./prompting.js";
import { Session } from "./session.js";
import { StorageUse } from "./storage_use.js";
import { describe } from "./status.js";
import { TrainingPanel } from "./training_panel.js";
import { Viewer } from "./viewer.js";
import { WindowControls } from "./window_controls.js";

const root = document.documentElement;
const button = (/** @type {string} */ id) => byId(id, HTMLButtonElement);
const status = byId("status", HTMLElement);
const previewed = byId("preview", HTMLInputElement);
const progressBar = byId("progress", HTMLProgressElement);
/** Pixels that an object found has to have of its own. */
const SMALLEST_FOUND = 10;
const busyStates = ["loading", "encoding", "predicting"];

const project = new Project((sentence) => showAlert(sentence));
const viewer = new Viewer(byId("canvas", HTMLCanvasElement));
const history = new History(() => project.current?.id, openById, () => labels.show());
const editor = new ObjectEditor(project, history, viewer, {
  changed() {
    labels.show();
    objects.show();
  },
  failed: (sentence) => showAlert(sentence),
});
const tools = new LabelTools(viewer, editor, history, {
  changed() {
    if (tools.tool !== "prompt") session.preview.clear();
    labels.show();
    inHand.keep();
  },
  accepting: () => prompting.away(),
  predictedIou: () => session.prediction?.ious[session.prediction.selected] ?? null,
});
const controls = new WindowControls((display, committed) => {
  session.setDisplay(display, committed, viewer.part);
  if (committed) deeds.displayChanged(display);
});
/** Images of which no thumbnail could be made. @type {Set<string>} */
const unreadable = new Set();
const device = new URLSearchParams(location.search).get("device") ?? "auto";
const session = new Session(
  device,
  controls.display,
  () => project.labelled,
  {
    unseen: () => project.images.find(({ id, thumbnail }) => !thumbnail && !unreadable.has(id)),
    seen: thumbnailMade,
    next: nextImage,
  },
  {
    changed: show,
    failed: (sentence) => showAlert(sentence),
    progress: showProgress,
    imageOpened,
    rendered(image) {
      viewer.setPixels(image);
      compare.imageChanged();
    },
    renderedPart(image, part) {
      viewer.setPart(image, part);
      compare.imageChanged();
    },
    masked: (mask) => tools.setMask(mask),
    previewed(mask) {
      viewer.setPreview(mask);
      root.dataset.preview = mask ? "shown" : "none";
    },
    found: addFound,
    compared: (mask) => compare.setMask(mask),
  },
);
const prompting = new Prompting({ project, session, history, tools, editor });
const deeds = new ImageDeeds(project, history, {
  show(display) {
    controls.setDisplay(display);
    session.setDisplay(display, true);
  },
  open: openSource,
});
const promptInput = new PromptInput(viewer, tools, (prompt) => prompting.add(prompt), showPosition, (point) => session.preview.point(point));
const labels = new LabelsPanel(tools, editor, history, project, {
  read: readLabels,
  sampleLabels: async () => ({ ids: await session.request("sampleLabels", []).done }),
  download: (ids, width, height) => savePng(() => session.request("labelsPng", [ids, width, height]).done, "labels"),
  open: (id) => void openById(id),
  clear: (id) => deeds.clearObjects(id),
  refine: () => objects.refine((id) => prompting.refine(id)),
  show: (shown) => viewer.showLabels(shown),
  pointed: () => promptInput.at,
  failed: showError,
});
const objects = new ObjectsPanel(editor, project, { refine: (id) => prompting.refine(id) });
const classes = new ClassesPanel(project, history, editor);
const images = new ImagesPanel(project, {
  open: (image) => openSource(image.source),
  setDone: (image, done) => deeds.setDone(image, done),
  remove: (image) => deeds.remove(image),
});
const everything = new EverythingPanel(session.everything, (sentence) => showAlert(sentence));
const exporting = new ExportPanel(project, session, { save: saveFile, failed: showError });
const pages = new PagesControl({ open: openPage, carry: carryOn });
const compare = new Compare(viewer);
const inHand = new InHand(project, session, tools);
const storageUse = new StorageUse();
const training = new TrainingPanel(session, () => project.labelled, { save: saveFile, failed: showError });
project.onChange(() => {
  training.show();
  objects.show();
  session.runErrands();
  storageUse.changed();
});
const models = new ModelsPanel(byId("models", HTMLElement), {
  list: () => session.request("listModels", []).done,
  use: openModel,
  download(entry, progress) {
    // So that the browser does not clear a large download by itself.
    void storageUse.persist();
    return session.request("downloadModel", [entry], progress);
  },
  remove: (entry) => session.request("removeModel", [entry.sha256]).done,
  failed: showError,
});
new Opening({ openModel, openImages: (sources) => void openImages(sources), failed: (sentence) => showAlert(sentence) });
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
    const image = project.open(session.imageSource, info.width, info.height, controls.display);
    controls.setDisplay(image.display);
    tools.opened(image);
    editor.opened();
    objects.show();
  }
  session.setDisplay(controls.display, true);
  pages.setImage(info);
  byId("image-facts", HTMLElement).textContent = `${session.imageName}: ${info.width} × ${info.height}, ${info.kind}`;
  byId("empty-hint", HTMLElement).hidden = true;
}

/** Shows all that follows from the session's state. */
function show() {
  const { state, prediction, prompts } = session;
  root.dataset.state = state;
  byId("main", HTMLElement).ariaBusy = String(busyStates.includes(state));
  // Not before the model is here, so that the two do not share the connection.
  if (state !== "loading") void offline.start();
  const sentence = describe(session);
  // The same text again would be read aloud again.
  if (status.textContent !== sentence) status.textContent = sentence;
  button("cancel").hidden = state !== "encoding";
  button("encode").hidden = !session.encodePaused;
  button("undo").disabled = prompts.length === 0;
  button("refine-object").ariaPressed = String(tools.refined > 0);
  button("clear").disabled = prompts.length === 0;
  button("download-mask").disabled = state !== "masked";
  viewer.setPrompts(prompts, prediction?.prompts.length ?? 0);
  viewer.showMask(prompts.length > 0);
  compare.show(session.decoder.comparing);
  compare.setPrompts(prompts, prediction);
  training.show();
  everything.show(session.everythingPossible);
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
  inHand.keep();
}

/** Another page of the open file. @param {number} page from 0 @returns {Promise<boolean>} whether it is open then */
async function openPage(page) {
  const source = session.imageSource;
  return source !== undefined && session.openImage({ ...source, page });
}

/** @param {number} page from 0 */
async function carryOn(page) {
  const selected = await prompting.carryOn(() => openPage(page));
  if (!selected) showAlert("Select the object that is to be carried on to the next page first.");
}

/** Adds what a search found where no object is. @param {FoundEverything} found */
function addFound({ ids, objects }) {
  const attributes = new Map(objects.map(({ id, iou }) => [id, editor.fresh(iou)]));
  const added = editor.add("find all objects", ids, attributes, SMALLEST_FOUND);
  if (added === 0) showAlert("No object was found where none is yet; try more points, or a lower predicted IoU or stability.");
}

/** The objects of a label image or a COCO file, whose classes join the project's. @param {File} file */
async function readLabels(file) {
  if (!/\.json$/i.test(file.name)) return { ids: await session.request("labelIds", [file]).done };
  const { width, height } = viewer;
  const read = await session.request("readCoco", [file, session.imageName, width, height]).done;
  const used = read.classes.map((one, place) => (read.objects.some((object) => object.class === place) ? classes.idOf(one) : null));
  const objects = new Map(
    read.objects.map(({ id, name, class: place, iou }) => [id, { ...editor.fresh(iou), name, classId: place === null ? null : used[place] }]),
  );
  return { ids: read.ids, objects };
}

/** @param {string} id @param {Blob | undefined} thumbnail */
function thumbnailMade(id, thumbnail) {
  const image = project.images.find((other) => other.id === id);
  if (thumbnail && image) image.thumbnail = thumbnail;
  else unreadable.add(id);
  project.changed();
}

/** The image that is encoded while the person works on the one before. */
function nextImage() {
  const image = project.beside(1);
  if (!image || unreadable.has(image.id)) return;
  const { display } = controls;
  const usual = /** @type {Display} */ ({ ...display, window: display.window === "range" ? "percentile" : display.window });
  return { id: image.id, source: image.source, display: image.display ?? usual };
}

/** Opens an image of the project. @param {string} id @returns {Promise<boolean>} */
async function openById(id) {
  const image = project.images.find((other) => other.id === id);
  return image !== undefined && (await session.openImage(image.source)) && project.current === image;
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

/** @param {ImageSource[]} sources */
async function openImages(sources) {
  await project.restored;
  if (sources.length > 1) {
    // So that the browser does not clear a project by itself.
    void storageUse.persist();
    project.add(sources);
  }
  openSource(project.find(sources[0])?.source ?? sources[0]);
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
    Backspace: () => prompting.takeBack(),
    Escape: () => promptInput.reset() || prompting.clear() || editor.select(0),
    "[": () => prompting.select(session.selected - 1),
    "]": () => prompting.select(session.selected + 1),
    h: () => session.preview.choose(!session.preview.on),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function wire() {
  button("open-sample").onclick = () => {
    openSource({ kind: "sample", name: "sample" });
  };
  button("cancel").onclick = () => session.cancelEncode();
  button("encode").onclick = () => session.encode();
  for (const [id, step] of /** @type {const} */ ([["candidate-previous", -1], ["candidate-next", 1]])) {
    button(id).onclick = (click) => {
      prompting.select(session.selected + step);
      keysToImage(click);
    };
  }
  previewed.onchange = () => session.preview.choose(previewed.checked);
  button("undo").onclick = () => prompting.takeBack();
  button("clear").onclick = () => prompting.clear();
  button("download-mask").onclick = () => void downloadMask();
  button("dismiss-alert").onclick = dismissAlert;
  button("use-update").onclick = () => offline.useUpdate();
  button("zoom-in").onclick = () => viewer.zoom(1.5);
  button("zoom-out").onclick = () => viewer.zoom(1 / 1.5);
  button("zoom-fit").onclick = () => viewer.fit();
  button("zoom-actual").onclick = () => viewer.zoomActual();
  document.addEventListener("keydown", onKey);
  // The browser asks before it closes the page. It takes moments to store them, but seconds where all cores are busy.
  window.addEventListener("beforeunload", (event) => project.storing && event.preventDefault());
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
classes.show();
images.show();
exporting.show();
void project.restored.then((image) => {
  // Where the person left it.
  if (image && !session.imageSource) void inHand.restore(() => session.openImage(image.source));
});
storageUse.changed();
void showCatalogue();
