// Puts the page together.

import { Pointer } from "./canvas/pointer.js";
import { showDocument } from "./canvas/stage.js";
import { Viewer } from "./canvas/viewer.js";
import { allCommands } from "./commands/all.js";
import { createWorkbench } from "./commands/create.js";
import { Registry } from "./commands/registry.js";
import type { DeviceChoice } from "./engine/graysam.js";
import { isolate } from "./offline/isolation.js";
import { Offline } from "./offline/offline.js";
import { AutomaticMasksPanel } from "./panels/automatic_masks_panel.js";
import { showHelp, wireButtons } from "./panels/buttons.js";
import { ClassesPanel } from "./panels/classes_panel.js";
import { Compare } from "./panels/compare.js";
import { DisplayPanel } from "./panels/display_panel.js";
import { byId } from "./panels/dom.js";
import { ExportPanel } from "./panels/export_panel.js";
import { FileIntake } from "./panels/file_intake.js";
import { keepFolds } from "./panels/folding.js";
import { ImagesPanel } from "./panels/images_panel.js";
import { listenToKeys } from "./panels/keyboard.js";
import { LabelFiles } from "./panels/label_files.js";
import { MaskPanel } from "./panels/mask_panel.js";
import { ModelsPanel } from "./panels/models_panel.js";
import { NoticePanel } from "./panels/notice_panel.js";
import { ObjectsPanel } from "./panels/objects_panel.js";
import { OfflinePanel } from "./panels/offline_panel.js";
import { PagesControl } from "./panels/pages_control.js";
import { showPosition } from "./panels/position.js";
import { ProjectPanel } from "./panels/project_panel.js";
import { saveFile, saveStream } from "./panels/save_file.js";
import { SessionPanel } from "./panels/session_panel.js";
import { StorageUse } from "./panels/storage_use.js";
import { SuggestionsPanel } from "./panels/suggestions_panel.js";
import { Toolbar } from "./panels/toolbar.js";
import { TrainingPanel } from "./panels/training_panel.js";
import { TrainingSetList } from "./panels/training_set_list.js";
import { effect } from "./vendor/signals-core.js";

await isolate();
const device = new URLSearchParams(location.search).get("device") ?? "auto";
const storageUse = new StorageUse();
// Rust refuses a device that it does not know.
const { bench, keeper } = createWorkbench(device as DeviceChoice, {
  save: saveFile,
  saveStream,
  persist: () => void storageUse.persist(),
});
const { session, project } = bench;
// The longest wait first, and its worker begins when this waits: the rest of the page is made meanwhile.
session.start();
await Promise.resolve();
keepFolds();
const viewer = new Viewer(byId("canvas", HTMLCanvasElement));
const pointer = new Pointer(viewer, bench);
showDocument(viewer, bench);
showPosition(bench);

new NoticePanel(bench);
new DisplayPanel(bench, viewer);
new MaskPanel(bench);
new ImagesPanel(bench);
new PagesControl(bench);
new ObjectsPanel(bench);
new ClassesPanel(bench);
new LabelFiles(bench, keeper, viewer);
new SuggestionsPanel(bench);
new TrainingSetList(bench);
const training = new TrainingPanel(bench, storageUse);
const automaticMasks = new AutomaticMasksPanel(bench);
new ExportPanel(bench);
new ModelsPanel(bench, storageUse);
new SessionPanel(bench);
new Compare(bench, viewer);
new FileIntake(bench);
const projectPanel = new ProjectPanel(bench);

const forms = { train: () => training.train(), findObjects: () => automaticMasks.findObjects(), openProject: () => projectPanel.choose() };
const registry = new Registry(allCommands(bench, pointer, forms));
new Toolbar(bench, registry);
wireButtons(registry);
showHelp(byId("canvas-help", HTMLElement), registry);
listenToKeys(registry, viewer.canvas);

const offlinePanel = new OfflinePanel(() => offline.useUpdate());
const offline = new Offline(offlinePanel);
effect(() => {
  // Not before the model is here, so that the two do not share the connection.
  if (session.state.value !== "loading") void offline.start();
});
effect(() => {
  // After the project was stored, or changed.
  if (project.images.value) storageUse.changed();
});
// The browser asks before it closes a page whose objects are not stored, or not yet.
window.addEventListener(
  "beforeunload",
  (event) => (keeper.atRisk || bench.files.adding.peek() || bench.projectFiles.work.peek()) && event.preventDefault(),
);
