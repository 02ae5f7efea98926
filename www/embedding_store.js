// Embeddings of images that were encoded before, kept in the origin's private file system under a key of
// the image encoder and its input. What fails here costs an encode, never a result.

const FOLDER = "embeddings";
/** SAM's embedding takes 4 MiB, so at most 128 MiB are kept. */
const MOST = 32;

async function folder() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

/** @param {string} key @returns {Promise<Float32Array | undefined>} */
export async function storedEmbedding(key) {
  try {
    const file = await (await (await folder()).getFileHandle(key)).getFile();
    return new Float32Array(await file.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** @param {string} key @param {Float32Array<ArrayBuffer>} values */
export async function storeEmbedding(key, values) {
  try {
    const embeddings = await folder();
    await removeOldest(embeddings);
    const handle = await (await embeddings.getFileHandle(key, { create: true })).createSyncAccessHandle();
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const written = handle.write(bytes);
    handle.close();
    if (written < bytes.length) await embeddings.removeEntry(key);
  } catch {
    // Storage is full or not allowed.
  }
}

/** Leaves room for one more. @param {FileSystemDirectoryHandle} embeddings */
async function removeOldest(embeddings) {
  // The DOM library lists no iteration of directory handles.
  const handles = /** @type {{values(): AsyncIterable<FileSystemFileHandle>}} */ (/** @type {unknown} */ (embeddings));
  const kept = [];
  for await (const handle of handles.values()) {
    kept.push({ name: handle.name, time: (await handle.getFile()).lastModified });
  }
  kept.sort((a, b) => b.time - a.time);
  for (const { name } of kept.slice(MOST - 1)) await embeddings.removeEntry(name);
}
