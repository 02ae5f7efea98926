// The status line: what is happening, on which device, and how long it took.

/** @param {number} milliseconds */
function duration(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {number} count */
function prompts(count) {
  return count === 1 ? "1 prompt waits" : `${count} prompts wait`;
}

/** @param {import("./session.js").Session} session */
function describeMask(session) {
  const { prediction } = session;
  if (!prediction) return "";
  const iou = prediction.ious[prediction.selected].toFixed(3);
  const candidate =
    prediction.ious.length > 1 ? `, candidate ${prediction.selected + 1} of ${prediction.ious.length}` : "";
  return `Mask of ${prediction.area.toLocaleString("en")} pixels, predicted IoU ${iou}${candidate}, in ${duration(session.promptTime)}`;
}

/** @param {import("./session.js").Session} session */
function encodeCost(session) {
  return `${duration(session.encodeTime)}, ${Math.round(session.memory / 2 ** 20)} MiB`;
}

/** A few sentences for the session's state. @param {import("./session.js").Session} session */
export function describe(session) {
  const sentence = describeState(session);
  switch (session.training.phase) {
    case "preparing":
      return `${sentence} The training set is being prepared.`;
    case "training":
      // Without its steps, each of which would be read aloud.
      return `${sentence} The training goes on.`;
    default:
      return sentence;
  }
}

/** @param {import("./session.js").Session} session */
function describeState(session) {
  const where = session.device ? ` on ${session.device.device}` : "";
  const waiting = session.prompts.length - (session.prediction?.prompts.length ?? 0);
  switch (session.state) {
    case "loading":
      return session.activity;
    case "ready":
      return session.encodePaused
        ? "The encode was cancelled. Press Encode or click the image to go on."
        : `${session.model?.name} is ready${where}. Open an image or the sample.`;
    case "encoding":
      return `Encoding ${session.imageName}${where}…${waiting > 0 ? ` ${prompts(waiting)} for it.` : ""}`;
    case "encoded":
      return `Encoded in ${encodeCost(session)}${where}. Click an object.`;
    case "predicting":
      return `Computing the mask${where}…`;
    case "masked":
      return `${describeMask(session)}${where} (encoded in ${encodeCost(session)}).`;
    case "stopped":
      return session.engineRuns ? "No model is loaded; open one." : "The engine was stopped.";
  }
}
