// Whether the GPU computes rightly: the engine checks it before it is trusted. What was found is kept for some days, while
// browser and adapter stay the same: with them come the driver and the compiler of the GPU's programs.

import { CrashError, type Engine } from "../engine/client.js";
import type { DeviceCheck, DeviceInfo } from "../engine/graysam.js";
import { nameOf, requestAdapter } from "./adapter.js";

const KEPT = "graysam-gpu-check";
/** Milliseconds for which it counts. */
const LASTING = 7 * 24 * 3600 * 1000;
/** Kept while a GPU is checked. */
const CHOOSING = "graysam-gpu-choosing";

export interface CheckedGpu {
  check: DeviceCheck;
  /** How long it took; undefined: an earlier visit has done it. */
  milliseconds: number | undefined;
}

/** Whether the device is to be checked: software adapters, on which it takes a minute, only where the address asks for it. */
export function isChecked({ gpu, device }: DeviceInfo) {
  const asked = new URLSearchParams(globalThis.location?.search).has("check-gpu");
  return gpu || (asked && device.startsWith("WebGPU"));
}

export async function checkedGpu(engine: Engine, { device }: DeviceInfo): Promise<CheckedGpu> {
  const of = `${navigator.userAgent}; ${device}; ${await adapterName()}`;
  const known = kept(of);
  if (known && (await takes(engine, known))) return { check: known, milliseconds: undefined };
  const start = performance.now();
  const check = await engine.request("checkDevice", [choosesTiles(of)]);
  const milliseconds = performance.now() - start;
  forget(CHOOSING);
  try {
    localStorage.setItem(KEPT, JSON.stringify({ of, when: Date.now(), check }));
  } catch {
    // The next visit checks again.
  }
  return { check, milliseconds };
}

/** The next visit checks again. */
export function forgetCheck() {
  forget(KEPT);
  forget(CHOOSING);
}

/** Whether the engine does as an earlier check says, which another version of it may have made. */
async function takes(engine: Engine, known: DeviceCheck) {
  try {
    await engine.request("takeCheck", [known]);
    return true;
  } catch (error) {
    if (error instanceof CrashError) throw error;
    return false;
  }
}

/** Whether tiles may be tried out: not where the engine has died over it, or the page was closed, which looks the same. */
function choosesTiles(of: string) {
  try {
    const died = localStorage.getItem(CHOOSING) === of;
    localStorage.setItem(CHOOSING, of);
    return !died;
  } catch {
    return true;
  }
}

function forget(key: string) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing is kept.
  }
}

async function adapterName() {
  try {
    const adapter = await requestAdapter();
    return adapter ? nameOf(adapter) : "";
  } catch {
    return "";
  }
}

/** Nothing, where the browser keeps nothing, or not of this. */
function kept(of: string): DeviceCheck | undefined {
  try {
    const { of: before, when, check } = JSON.parse(localStorage.getItem(KEPT) ?? "");
    const counts = before === of && Math.abs(Date.now() - when) < LASTING;
    const { avoided, usable, tiles } = check;
    const whole = Array.isArray(avoided) && typeof usable === "boolean" && typeof tiles?.single === "string";
    return counts && whole ? check : undefined;
  } catch {
    return undefined;
  }
}
