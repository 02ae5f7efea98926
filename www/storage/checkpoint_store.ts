// The checkpoint of a training. A new one goes beside the previous one, which is removed only when the new one is
// whole, so that one of them always is.

import type { StoredTraining } from "../document/types.js";
import type { TrainingSettings } from "../engine/graysam.js";
import { folder, isFull, NoStorageError, readFile, remove, storageAbsence } from "./opfs.js";
import { writeBytes } from "./room.js";

const FOLDER = "training";
const SLOTS = ["a", "b"];

type Description = StoredTraining & { bytes: number };

/** As earlier versions of the page stored them. */
type EarlierSettings = Omit<TrainingSettings, "evaluate_every"> & { judge_every: number };

function currentSettings(settings: TrainingSettings | EarlierSettings): TrainingSettings {
  if (!("judge_every" in settings)) return settings;
  const { judge_every, ...others } = settings;
  return { ...others, evaluate_every: judge_every };
}

/** What a slot holds, if its checkpoint is whole. */
async function readSlot(training: FileSystemDirectoryHandle, slot: string) {
  try {
    const kept: Description = JSON.parse(await (await readFile(training, `${slot}.json`)).text());
    kept.settings = currentSettings(kept.settings);
    const file = await readFile(training, `${slot}.safetensors`);
    return file.size === kept.bytes ? { slot, kept, file } : undefined;
  } catch {
    return undefined;
  }
}

async function newest(training: FileSystemDirectoryHandle) {
  const slots = await Promise.all(SLOTS.map((slot) => readSlot(training, slot)));
  return slots.filter((found) => found !== undefined).sort((a, b) => b.kept.when - a.kept.when)[0];
}

/** What is known of the stored checkpoint, if there is one. */
export async function storedTraining(): Promise<StoredTraining | undefined> {
  try {
    return (await newest(await folder(FOLDER)))?.kept;
  } catch {
    // Without storage nothing is stored; the first checkpoint says why.
    return undefined;
  }
}

export async function readCheckpoint(): Promise<Blob> {
  const found = await newest(await folder(FOLDER));
  if (!found) throw new Error("The training's checkpoint is not in the browser's storage any more; press Train to begin anew.");
  return found.file;
}

export async function storeCheckpoint(about: StoredTraining, checkpoint: Uint8Array) {
  let begun: (() => Promise<void>) | undefined;
  try {
    const training = await folder(FOLDER);
    const before = await newest(training);
    const slot = SLOTS.find((slot) => slot !== before?.slot) ?? SLOTS[0];
    begun = () => removeSlot(training, slot);
    await removeSlot(training, slot);
    await writeBytes(training, `${slot}.safetensors`, checkpoint, true);
    const description: Description = { ...about, bytes: checkpoint.length };
    await writeBytes(training, `${slot}.json`, new TextEncoder().encode(JSON.stringify(description)), true);
    if (before) await removeSlot(training, before.slot);
  } catch (error) {
    await begun?.().catch(() => {});
    throw new Error(reasonOf(error, checkpoint.length));
  }
}

export async function removeCheckpoint() {
  // Without storage there is none.
  if (await storageAbsence()) return;
  const training = await folder(FOLDER);
  for (const slot of SLOTS) await removeSlot(training, slot);
}

/** Removes the description first: without it a checkpoint counts as none. */
async function removeSlot(training: FileSystemDirectoryHandle, slot: string) {
  for (const name of [`${slot}.json`, `${slot}.safetensors`]) await remove(training, name);
}

function reasonOf(error: unknown, bytes: number) {
  if (isFull(error)) {
    return `The browser's storage has no room for the training's checkpoint of ${Math.round(bytes / 1e6)} MB; the training goes on, but free some disk space to be able to resume it after the page is closed.`;
  }
  if (error instanceof Error && error.name === "NoModificationAllowedError") {
    return "The training's checkpoint is in use by another tab with this page; the training goes on, but close that tab to be able to resume it after the page is closed.";
  }
  if (error instanceof NoStorageError) {
    return `${error.why}, so the training cannot be resumed after the page is closed; it goes on until then. Before the next one, ${error.remedy}.`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `The training's checkpoint could not be stored (${reason}), so the training cannot be resumed after the page is closed; it goes on until then.`;
}
