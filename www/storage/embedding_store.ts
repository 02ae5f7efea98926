// Embeddings of images that were encoded before, under a key of the image encoder and its input. A failure here costs
// an encode, never a result.

import { folder, list, readFile, remove, writeBytes } from "./opfs.js";

const FOLDER = "embeddings";
/** SAM's embedding takes 4 MiB, so at most 128 MiB are kept. */
const MOST = 32;

export async function storedEmbedding(key: string): Promise<Float32Array<ArrayBuffer> | undefined> {
  try {
    const file = await readFile(await folder(FOLDER), key);
    return new Float32Array(await file.arrayBuffer());
  } catch {
    return undefined;
  }
}

export async function storeEmbedding(key: string, values: Float32Array<ArrayBuffer>) {
  try {
    const embeddings = await folder(FOLDER);
    await removeOldest(embeddings);
    await writeBytes(embeddings, key, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).catch(() =>
      remove(embeddings, key),
    );
  } catch {
    // Storage is full or not allowed.
  }
}

/** Leaves room for one more. */
async function removeOldest(embeddings: FileSystemDirectoryHandle) {
  const kept: { name: string; time: number }[] = [];
  for await (const name of list(embeddings)) {
    kept.push({ name, time: (await readFile(embeddings, name)).lastModified });
  }
  kept.sort((a, b) => b.time - a.time);
  for (const { name } of kept.slice(MOST - 1)) await remove(embeddings, name);
}
