// Shows the document on the canvas. It only reads.

import { effect, untracked } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import type { Draft } from "../document/draft.js";
import { NOT_ANNOTATED } from "../document/runs.js";
import { NOT_ANNOTATED_PAINT, paintOf } from "./paint.js";
import type { Viewer } from "./viewer.js";

/** The canvas that shows the open image with its objects, prompts and masks. */
export function showDocument(viewer: Viewer, bench: Workbench) {
  viewer.onLook((box) => bench.sight.look(box, Math.max(viewer.width, viewer.height)));
  showImage(viewer, bench);
  showDraft(viewer, bench.draft);
  showTool(viewer, bench);
  showSuggestions(viewer, bench);
  effect(() => {
    const part = bench.session.parts.encoding.value;
    viewer.setFrame(part && { x0: part.x, y0: part.y, x1: part.x + part.width, y1: part.y + part.height });
  });
  effect(() => {
    const mask = bench.session.preview.mask.value;
    viewer.setPreview(mask ?? null);
    document.documentElement.dataset.preview = mask ? "shown" : "none";
  });
}

function showImage(viewer: Viewer, { project, objects, session }: Workbench) {
  const paint = (id: number) => {
    if (id === NOT_ANNOTATED) return NOT_ANNOTATED_PAINT;
    if (objects.attributes(id).hidden) return;
    return paintOf(objects.colourOf(id), project.selection.peek().has(id));
  };
  effect(() => {
    const current = project.current.value;
    if (!current) return;
    untracked(() => {
      viewer.setSize(current.width, current.height);
      viewer.setLabels(current.labels.ids, paint);
    });
  });
  effect(() => {
    const rendering = session.image.rendering.value;
    if (!rendering) return;
    const { image, part } = rendering;
    if (part) viewer.setPart(image, part);
    else viewer.setPixels(image);
  });
  project.damage.onDamage((box) => viewer.labelsChanged(box));
}

function showDraft(viewer: Viewer, draft: Draft) {
  effect(() => {
    const shown = draft.hasMask.value && draft.masked.value > 0;
    viewer.setMask(shown ? (draft.mask ?? null) : null);
  });
  draft.damage.onDamage((box) => draft.mask && viewer.maskChanged(draft.mask, box));
  effect(() => viewer.setPrompts(draft.prompts.value, draft.seenOfObject.value));
}

function showSuggestions(viewer: Viewer, { project }: Workbench) {
  const { shown, chosen, learned } = project.suggestions;
  effect(() => {
    void project.classes.value;
    viewer.setSuggestions(shown.value, chosen.value, project.classOf(learned.value?.classId ?? null)?.colour);
  });
  effect(() => {
    const suggestion = chosen.value;
    if (suggestion) untracked(() => viewer.reveal(suggestion));
  });
}

function showTool(viewer: Viewer, { tools }: Workbench) {
  effect(() => {
    const [tool, point, line] = [tools.tool.value, tools.pointed.value, tools.line.value];
    const brushes = tool === "draw" || tool === "erase";
    viewer.setBrush(point && brushes ? { ...point, diameter: tools.brushSize.value } : undefined);
    viewer.setLine(point && line.length > 0 ? [...line, point] : line);
  });
}
