// What somebody who helps has to know of this browser, its GPU and the engine, as a text. Nothing in it is the person's: no
// name of a file, no address, no pixel.

import { nameOf, requestAdapter } from "./adapter.js";
import type { CheckedGpu } from "./gpu_check.js";
import { speedLines } from "./gpu_speed.js";
import type { Session } from "./session.js";

/** Crashes of the engine that are told of, the last ones. */
const CRASHES = 5;

/** As WebGPU has them: getters, on the prototype too. */
function limitsOf(limits: object) {
  const lines = [];
  for (const name in limits) {
    const value = (limits as Record<string, unknown>)[name];
    if (typeof value === "number") lines.push(`  ${name}: ${value}`);
  }
  return lines.sort();
}

async function adapterLines(): Promise<string[]> {
  try {
    const adapter = await requestAdapter();
    if (adapter === undefined) return ["WebGPU: the browser has none"];
    if (!adapter) return ["WebGPU: there is no adapter"];
    return [
      `WebGPU adapter: ${nameOf(adapter) || "unnamed"}`,
      `Features: ${[...adapter.features].sort().join(", ")}`,
      "Limits:",
      ...limitsOf(adapter.limits),
    ];
  } catch (error) {
    return [`WebGPU: the adapter could not be asked for (${error instanceof Error ? error.message : String(error)})`];
  }
}

const milliseconds = (time: number) => (time > 0 ? `${Math.round(time)} ms` : "not measured");

function checkLine(checked: CheckedGpu | undefined) {
  if (!checked) return "Check of the GPU: none";
  const { check, milliseconds } = checked;
  const when = milliseconds === undefined ? "in an earlier visit" : `${Math.round(milliseconds)} ms`;
  return `Check of the GPU: ${check.note ?? "all is right"} (${when}); tiles ${check.tiles.single}, in float16 ${check.tiles.half}`;
}

export async function diagnosticsOf({ scheduler, model, image, mask, gpuSpeed }: Session): Promise<string> {
  const device = scheduler.device.peek();
  const size = image.info.peek();
  const speed = gpuSpeed.speed.peek();
  const crashes = scheduler.crashReasons.slice(-CRASHES);
  const lines = [
    `Browser: ${navigator.userAgent}`,
    `Cores: ${navigator.hardwareConcurrency}; isolated: ${globalThis.crossOriginIsolated ? "yes" : "no"}`,
    `Device: ${device?.device ?? "none yet"}${device?.note ? ` (${device.note})` : ""}`,
    checkLine(scheduler.gpuCheck),
    ...(speed ? speedLines(speed) : []),
    `Model: ${model.info.peek()?.name ?? "none"}`,
    `Image: ${size ? `${size.width} × ${size.height}` : "none"}`,
    `Last encode: ${milliseconds(image.encodeTime.peek())}; last mask: ${milliseconds(mask.time.peek())}`,
    `Memory of the engine: ${Math.round(image.memory.peek() / 2 ** 20)} MiB`,
    ...(await adapterLines()),
    crashes.length > 0 ? "Crashes of the engine:" : "The engine has not crashed.",
    ...crashes.map((reason) => `  ${reason}`),
  ];
  return lines.join("\n");
}
