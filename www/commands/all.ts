// All commands, in the order of the help.

import { TOOLS, type Tool } from "../document/tool_state.js";
import type { Command } from "./registry.js";
import type { Forms, View, Workbench } from "./workbench.js";

const TOOL_KEYS: Record<Tool, [key: string, label: string]> = {
  prompt: ["P", "Prompt: click or drag a box, and get the mask"],
  select: ["V", "Select objects by clicking, several with Ctrl"],
  draw: ["D", "Draw with the brush"],
  erase: ["E", "Erase"],
  polygon: ["G", "Draw a polygon corner by corner; Enter closes it"],
  cut: ["X", "Cut objects in two along a line"],
};

export function allCommands(bench: Workbench, view: View, forms: Forms): Command[] {
  return [
    ...promptCommands(bench, view),
    ...toolCommands(bench),
    ...objectCommands(bench),
    ...suggestionCommands(bench),
    ...editCommands(bench),
    ...imageCommands(bench),
    ...projectCommands(bench, forms),
    ...engineCommands(bench, forms),
    ...viewCommands(bench, view),
  ];
}

function promptCommands(bench: Workbench, view: View): Command[] {
  const { prompts, draft, labelTools, session, files, objects, project, suggestions } = bench;
  const prompted = () => draft.rounds.value.length > 0;
  const deselect = () => {
    objects.select(0);
    project.suggestions.choose(undefined);
  };
  return [
    {
      id: "prompt.accept",
      label: "Accept the mask, or keep the suggestion, as an object; close a polygon",
      keys: ["Enter"],
      run: () => labelTools.accept() || suggestions.keep(),
    },
    { id: "prompt.takeBack", label: "Take back the last prompt", keys: ["Backspace"], run: () => prompts.takeBack() },
    {
      id: "prompt.clear",
      label: "Take back all prompts; deselect",
      keys: ["Escape"],
      run: () => view.cancelGesture() || prompts.clear() || deselect(),
    },
    {
      id: "prompt.previousCandidate",
      label: "Previous candidate",
      keys: ["["],
      help: { keys: "[ and ]", text: "previous and next candidate of a single point" },
      run: () => prompts.select(draft.selected.peek() - 1),
    },
    {
      id: "prompt.nextCandidate",
      label: "Next candidate",
      keys: ["]"],
      help: null,
      run: () => prompts.select(draft.selected.peek() + 1),
    },
    {
      id: "prompt.preview",
      label: "Show the mask under the pointer, or not",
      keys: ["H"],
      run: () => session.preview.choose(!session.preview.on.peek()),
    },
    {
      id: "mask.download",
      label: "Download the mask",
      possible: () => session.state.value === "masked" && prompted(),
      run: () => files.downloadMask(),
    },
  ];
}

function toolCommands({ labelTools, tools }: Workbench): Command[] {
  const choices = TOOLS.map((tool): Command => {
    const [key, label] = TOOL_KEYS[tool];
    return { id: `tool.${tool}`, label, keys: [key], run: () => labelTools.choose(tool) };
  });
  return [
    ...choices,
    {
      id: "brush.smaller",
      label: "Smaller brush",
      keys: [","],
      help: { keys: ", and .", text: "smaller and larger brush" },
      run: () => tools.stepBrushSize(false),
    },
    { id: "brush.larger", label: "Larger brush", keys: ["."], help: null, run: () => tools.stepBrushSize(true) },
  ];
}

function objectCommands(bench: Workbench): Command[] {
  const { project, objects, prompts, labelTools, images, suggestions } = bench;
  const selected = () => project.selection.value.size > 0;
  const ofSelected = (id: string, label: string, key: string, run: () => void, possible = selected): Command => ({
    id: `object.${id}`,
    label,
    keys: [key],
    possible,
    run,
  });
  const one = () => project.selection.value.size === 1;
  const chosen = () => project.selection.value.size === 0 && project.suggestions.chosen.value !== undefined;
  const several = () => project.selection.value.size > 1;
  const remove = () => {
    labelTools.endStroke();
    if (chosen()) return suggestions.throwAway();
    const pointed = bench.tools.pointed.peek();
    const id = pointed && objects.at(pointed);
    objects.remove(selected() ? objects.selection : id ? [id] : []);
  };
  const refine = () => {
    if (chosen()) return suggestions.correct();
    const [id] = objects.selection;
    if (id && !objects.refuseLocked(id)) prompts.refine(id);
  };
  const setClass = (place: number) => {
    const { id } = project.classes.peek()[place];
    if (selected()) objects.change("change the class", objects.selection, { classId: id });
    else project.currentClass.value = id;
  };
  return [
    ofSelected(
      "refine",
      "Refine: give the selected object, or the chosen suggestion, another shape by prompts",
      "R",
      refine,
      () => one() || chosen(),
    ),
    ofSelected("fillHoles", "Fill holes", "F", () => objects.fillHoles()),
    ofSelected("smooth", "Smooth the outline", "S", () => objects.smooth()),
    ofSelected("split", "Split: make each separate part an object", "T", () => objects.split()),
    ofSelected("merge", "Merge the selected objects", "M", () => objects.merge(), several),
    {
      id: "object.delete",
      label: "Delete the selected objects, throw the chosen suggestion away, or delete the object under the pointer",
      keys: ["Delete"],
      run: remove,
    },
    { id: "object.selectAll", label: "Select all objects", keys: ["Ctrl+A"], run: () => objects.selectAll() },
    ...Array.from({ length: 9 }, (_, place): Command => ({
      id: `class.${place + 1}`,
      label: `Class ${place + 1}`,
      keys: [String(place + 1)],
      help: place === 0 ? { keys: "1 to 9", text: "class of the selected objects, or of new ones" } : null,
      possible: () => project.classes.value.length > place,
      run: () => setClass(place),
    })),
    { id: "class.add", label: "Add a class", run: () => images.addClass() },
  ];
}

function suggestionCommands({ project, suggestions, session, files }: Workbench): Command[] {
  const { finding } = session;
  const { chosen, shown, learned } = project.suggestions;
  const idle = () => !finding.running.value && finding.possible;
  const any = () => shown.value.length > 0;
  const one = () => chosen.value !== undefined;
  return [
    {
      id: "suggestion.find",
      label: "Find the rest: learn from the labelled objects and suggest all others",
      keys: ["L"],
      possible: () => session.searchable.value && idle(),
      run: () => finding.findRest(),
    },
    {
      id: "suggestion.findEverywhere",
      label: "Find the rest on all images",
      possible: () => session.model.loaded.value && finding.all.value > 1 && idle(),
      run: () => finding.findEverywhere(),
    },
    { id: "suggestion.cancel", label: "Cancel the search; what was found stays", run: () => session.brokenOff(() => finding.cancel()) },
    {
      id: "suggestion.next",
      label: "Next suggestion",
      keys: ["J"],
      help: { keys: "J, K", text: "next, previous suggestion" },
      possible: any,
      run: () => suggestions.step(1),
    },
    { id: "suggestion.previous", label: "Previous suggestion", keys: ["K"], help: null, possible: any, run: () => suggestions.step(-1) },
    { id: "suggestion.keep", label: "Keep the suggestion as an object", possible: one, run: () => suggestions.keep() },
    { id: "suggestion.correct", label: "Correct the suggestion by prompts", possible: one, run: () => suggestions.correct() },
    { id: "suggestion.throwAway", label: "Throw the suggestion away", possible: one, run: () => suggestions.throwAway() },
    { id: "suggestion.keepShown", label: "Keep all suggestions that are shown", possible: any, run: () => suggestions.keepShown() },
    {
      id: "suggestion.save",
      label: "Save what was learned as a file",
      possible: () => learned.value !== undefined,
      run: () => files.saveFinder(),
    },
  ];
}

function editCommands({ history, labelTools }: Workbench): Command[] {
  // A stroke in hand would be taken back in parts.
  const after = (move: () => Promise<void>) => () => {
    labelTools.endStroke();
    void move();
  };
  return [
    {
      id: "edit.undo",
      label: "Undo",
      keys: ["Ctrl+Z"],
      help: { keys: "Ctrl+Z, Ctrl+Shift+Z or Ctrl+Y", text: "undo and redo anything, back to the beginning of the visit" },
      run: after(() => history.undo()),
    },
    { id: "edit.redo", label: "Redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], help: null, run: after(() => history.redo()) },
  ];
}

function imageCommands({ project, navigation, files }: Workbench): Command[] {
  const opened = () => project.current.value !== undefined;
  const page = (step: number) => () => navigation.pageBeside(step) !== undefined;
  return [
    {
      id: "image.next",
      label: "Next image",
      keys: ["N"],
      help: { keys: "N, Shift+N", text: "next, previous image" },
      possible: () => project.beside(1) !== undefined,
      run: () => navigation.step(1),
    },
    {
      id: "image.previous",
      label: "Previous image",
      keys: ["Shift+N"],
      help: null,
      possible: () => project.beside(-1) !== undefined,
      run: () => navigation.step(-1),
    },
    {
      id: "image.done",
      label: "Mark the image as done and go to the next one",
      keys: ["Ctrl+Enter"],
      possible: opened,
      run: () => navigation.doneAndNext(),
    },
    { id: "image.remove", label: "Remove the image from the list", possible: opened, run: () => navigation.removeCurrent() },
    {
      id: "page.previous",
      label: "Previous page",
      keys: ["PageUp"],
      help: { keys: "Page Up, Page Down", text: "previous, next page of a stack" },
      possible: page(-1),
      run: () => navigation.stepPage(-1),
    },
    { id: "page.next", label: "Next page", keys: ["PageDown"], help: null, possible: page(1), run: () => navigation.stepPage(1) },
    {
      id: "page.carryOn",
      label: "Prompt the next page with the selected object's mask",
      keys: ["C"],
      possible: page(1),
      run: () => navigation.carryOn(),
    },
    { id: "open.sample", label: "Open the bundled sample", run: () => navigation.open({ kind: "sample", name: "sample" }) },
    {
      id: "labels.useSample",
      label: "Use the sample's labels",
      possible: () => !files.reading.value,
      run: () => files.useSampleLabels(),
    },
    {
      id: "labels.download",
      label: "Download the labels as a 16-bit PNG file",
      possible: () => (project.images.value, (project.current.value?.labels.objects ?? 0) > 0),
      run: () => files.downloadLabels(),
    },
  ];
}

function projectCommands({ projectFiles }: Workbench, forms: Forms): Command[] {
  return [
    {
      id: "project.save",
      label: "Save the project as one file",
      keys: ["Ctrl+S"],
      possible: () => projectFiles.savable,
      run: () => projectFiles.save(),
    },
    { id: "project.open", label: "Open a project file", possible: () => projectFiles.idle, run: () => forms.openProject() },
    { id: "project.cancel", label: "Cancel the work on the project file", run: () => projectFiles.cancel() },
  ];
}

function engineCommands({ session }: Workbench, forms: Forms): Command[] {
  return [
    { id: "encode.start", label: "Encode the image", run: () => session.encodeAgain() },
    { id: "encode.cancel", label: "Cancel the encode", run: () => session.brokenOff(() => session.cancelEncode()) },
    {
      id: "automaticMasks.find",
      label: "Find all objects of the image",
      possible: () => session.searchable.value,
      run: () => forms.findObjects(),
    },
    { id: "automaticMasks.cancel", label: "Cancel the search", run: () => session.brokenOff(() => session.automaticMasks.cancel()) },
    { id: "training.start", label: "Train the decoder on the labelled objects", run: () => forms.train() },
    {
      id: "training.stop",
      label: "Stop the training and keep the best decoder so far",
      run: () => session.brokenOff(() => session.training.stop()),
    },
    { id: "training.resume", label: "Go on with the training", run: () => session.training.resume() },
    { id: "training.discard", label: "Remove the training and its checkpoint", run: () => session.training.discard() },
  ];
}

function viewCommands({ project }: Workbench, view: View): Command[] {
  const open = () => project.current.value !== undefined;
  const arrow = (key: string, dx: number, dy: number, first: boolean): Command[] => [
    {
      id: `crosshair.${key}`,
      label: "Move the crosshair",
      keys: [`Arrow${key}`],
      canvasOnly: true,
      help: first ? { keys: "Arrow keys", text: "move the crosshair by 1 pixel, with Shift by 10" } : null,
      possible: open,
      run: () => view.moveCrosshair(dx, dy),
    },
    {
      id: `crosshair.far${key}`,
      label: "Move the crosshair by 10 pixels",
      keys: [`Shift+Arrow${key}`],
      canvasOnly: true,
      help: null,
      possible: open,
      run: () => view.moveCrosshair(10 * dx, 10 * dy),
    },
  ];
  const help = { keys: "Space", text: "a point at the crosshair, outside the object with Shift or Alt; a dab of brush or eraser" };
  return [
    ...arrow("Left", -1, 0, true),
    ...arrow("Right", 1, 0, false),
    ...arrow("Up", 0, -1, false),
    ...arrow("Down", 0, 1, false),
    // It acts when it is let go, so the pointer handles the key.
    { id: "crosshair.mark", label: "Mark the crosshair", help, run: () => undefined },
    {
      id: "crosshair.corner",
      label: "Mark a corner of a box, twice",
      keys: ["B"],
      canvasOnly: true,
      possible: open,
      run: () => view.markCorner(),
    },
    {
      id: "view.zoomIn",
      label: "Zoom in",
      keys: ["+", "="],
      canvasOnly: true,
      help: { keys: "+ and −, 0, O", text: "zoom, fit, one pixel of the image on each of the screen" },
      possible: open,
      run: () => view.zoom(1.5),
    },
    { id: "view.zoomOut", label: "Zoom out", keys: ["-"], canvasOnly: true, help: null, possible: open, run: () => view.zoom(1 / 1.5) },
    { id: "view.fit", label: "Show the whole image", keys: ["0"], canvasOnly: true, help: null, possible: open, run: () => view.fit() },
    {
      id: "view.actual",
      label: "One pixel of the image on each of the screen",
      keys: ["O"],
      canvasOnly: true,
      help: null,
      possible: open,
      run: () => view.zoomActual(),
    },
  ];
}
