// What tells one image file from another: its content, of which a large file is sampled.

import type { ImageSource } from "./types.js";

/** Bytes up to which all of a file is read. */
const WHOLE = 1 << 20;
/** An odd number, so that the middle is among them. */
const SAMPLES = 17;
const SAMPLE_BYTES = Math.floor(WHOLE / SAMPLES);

/** Names the content of a file in 32 hexadecimal digits. Of a large one, 17 blocks are read, from its first byte to its last. */
export async function contentKey(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await new Blob([`${file.size} `, ...blocksOf(file)]).arrayBuffer());
  // A page that is not served over HTTPS has no digests.
  const digest = globalThis.crypto?.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) : plainDigest(bytes);
  return [...digest.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** How this page digests contents: the keys of two pages that do it in different ways cannot be compared. */
export function digestName() {
  return globalThis.crypto?.subtle ? "SHA-256" : "FNV-1a";
}

function blocksOf(file: Blob): Blob[] {
  if (file.size <= WHOLE) return [file];
  return Array.from({ length: SAMPLES }, (_, i) => {
    const at = Math.floor(((file.size - SAMPLE_BYTES) * i) / (SAMPLES - 1));
    return file.slice(at, at + SAMPLE_BYTES);
  });
}

/** FNV-1a with four offsets: 16 bytes. */
function plainDigest(bytes: Uint8Array) {
  const lanes = Uint32Array.of(0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35);
  for (let lane = 0; lane < lanes.length; lane++) {
    let hash = lanes[lane];
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    lanes[lane] = hash;
  }
  return new Uint8Array(lanes.buffer);
}

/** Notes the content of a source's file, if that can be read. */
export async function identify(source: ImageSource) {
  if (source.kind !== "file" || source.content || source.missing) return;
  try {
    source.content = await contentKey(source.file);
  } catch {
    // Whoever opens it says that it cannot be read.
  }
}

/** Whether two sources are one page of one file. Without a known content, only a file that is the very same one is. */
export function sameSource(a: ImageSource, b: ImageSource) {
  if (a.kind !== b.kind || a.name !== b.name || (a.page ?? 0) !== (b.page ?? 0)) return false;
  return a.kind === "sample" || b.kind === "sample" || sameFile(a, b);
}

type FileSource = ImageSource & { kind: "file" };

function sameFile(a: FileSource, b: FileSource) {
  if (a.path && b.path && a.path !== b.path) return false;
  return a.content && b.content ? a.content === b.content : a.file === b.file;
}

/** Whether a file is the one that a source without one asks for. Without a known content its name has to do. */
export function supplies(file: ImageSource, asking: ImageSource) {
  if (file.kind !== "file" || file.missing || asking.kind !== "file" || !asking.missing || file.name !== asking.name) return false;
  if (file.path && asking.path && file.path !== asking.path) return false;
  return !asking.content || file.content === asking.content;
}
