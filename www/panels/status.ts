// The status line: what is happening, on which device, how long it took, and what to do next.

import type { Workbench } from "../commands/workbench.js";
import type { Draft } from "../document/draft.js";
import type { Part } from "../engine/graysam.js";

function duration(milliseconds: number) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A few sentences for the session's state. */
export function describe(bench: Workbench) {
  const { training } = bench.session;
  const sentence = bench.files.adding.value ? "Adding the objects that were found…" : describeState(bench);
  if (bench.session.finding.running.value) return `${sentence} The rest is being searched for.`;
  // Its state is no signal but for this.
  void training.changes.value;
  switch (training.phase) {
    case "preparing":
      return `${sentence} The training set is being prepared.`;
    case "training":
      // Without its steps, each of which would be read aloud.
      return `${sentence} The training goes on.`;
    default:
      return sentence;
  }
}

function describeState(bench: Workbench) {
  const { session, draft } = bench;
  const { scheduler, image, model } = session;
  const device = scheduler.device.value?.device;
  const where = device ? ` on ${device}` : "";
  switch (session.state.value) {
    case "loading":
      return session.activity.label.value;
    case "ready":
      return session.encodePaused.value
        ? "The encode was cancelled. Press Encode or click the image to go on."
        : `${model.info.value?.name} is ready${where}. Open an image or the sample.`;
    case "encoding":
      return `Encoding ${partOf(session.parts.awaited.value)}${image.name}${where}…${waiting(draft)}`;
    case "encoded":
      return `Encoded in ${encodeCost(bench)}${where}. Click an object.${learning(bench)}`;
    case "predicting":
      return `Computing the mask${where}…`;
    case "masked":
      return `${describeMask(bench)}${where} (encoded in ${encodeCost(bench)}). Enter keeps it.`;
    case "stopped":
      return scheduler.stopped.value
        ? "The engine was stopped. Open an image or a model to start it again."
        : "No model is loaded; open one.";
  }
}

/** What of the image is seen, unless it is all of it. */
function partOf(part: Part | undefined) {
  return part ? `a part of ${part.width} × ${part.height} pixels of ` : "";
}

function waiting({ rounds, seen }: Draft) {
  if (rounds.value.length === 0) return " You can already click an object.";
  const prompts = rounds.value.length - seen.value;
  if (prompts === 0) return "";
  return prompts === 1 ? " 1 prompt waits for it." : ` ${prompts} prompts wait for it.`;
}

function encodeCost({ session: { image } }: Workbench) {
  return `${duration(image.encodeTime.value)}, ${Math.round(image.memory.value / 2 ** 20)} MiB`;
}

function describeMask({ draft, session }: Workbench) {
  const prediction = draft.answer.value?.prediction;
  if (!prediction) return "";
  const { ious, selected, area, part } = prediction;
  const image = session.image.info.value;
  const whole = image !== undefined && part.width === image.width && part.height === image.height;
  const seen = whole ? "" : `, seen in a part of ${part.width} × ${part.height} pixels`;
  const candidate = ious.length > 1 ? `, candidate ${selected + 1} of ${ious.length}` : "";
  const time = duration(session.mask.time.value);
  return `Mask of ${area.toLocaleString("en")} pixels, predicted IoU ${ious[selected].toFixed(3)}${candidate}${seen}, in ${time}`;
}

/** Objects of which as many are enough to find the rest. */
const ENOUGH = 3;

/** What the first objects are good for, until something was trained, and what can be done with suggestions. */
function learning(bench: Workbench) {
  const { project, session } = bench;
  const { training, decoder } = session;
  const { shown, chosen, learned } = project.suggestions;
  if (chosen.value) return " Enter keeps the chosen suggestion, Delete throws it away, J goes to the next one.";
  if (shown.value.length > 0) return " J goes through the suggestions.";
  void project.objectChanges.value;
  if (!learned.value && (project.current.value?.objectCount ?? 0) >= ENOUGH)
    return " Press Find the rest, and the page looks for all others like yours.";
  void training.changes.value;
  const objects = project.labelled.value.reduce((sum, image) => sum + image.objects, 0);
  if (decoder.info.value) return "";
  if (training.phase === "none" && objects === 1) return " One more object and you can fine-tune the model.";
  if (training.phase === "ready" && objects === 2) return " Two objects are enough to fine-tune the model; more are better.";
  return "";
}
