// The page's commands without a page.

import { allCommands } from "../../www/commands/all.js";
import { createWorkbench } from "../../www/commands/create.js";
import { Registry } from "../../www/commands/registry.js";
import type { View, Workbench } from "../../www/commands/workbench.js";
import { MemoryStorage } from "./memory_storage.js";

const VIEW: View = {
  zoom: () => {},
  fit: () => {},
  zoomActual: () => {},
  moveCrosshair: () => {},
  markCorner: () => {},
  cancelGesture: () => false,
};

export function registryOf(bench: Workbench): Registry {
  return new Registry(allCommands(bench, VIEW, { findObjects: () => {}, train: () => {}, openProject: () => {} }));
}

/** All commands, with a workbench that nothing is done on. */
export function pageRegistry(): Registry {
  MemoryStorage.install();
  return registryOf(createWorkbench("cpu", { save: () => {}, persist: () => {} }).bench);
}
