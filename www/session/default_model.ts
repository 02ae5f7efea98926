// The model that comes with the page.

import { addressOf } from "../site.js";

const ADDRESS = addressOf("models/mobile_sam.safetensors");

/** @param progress gets fractions from 0 to 1, or null while they are unknown */
export async function fetchDefaultModel(progress: (fraction: number | null) => void): Promise<Blob> {
  try {
    const response = await fetch(ADDRESS);
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    const total = Number(response.headers.get("Content-Length") ?? NaN);
    const reader = response.body.getReader();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let received = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(chunks);
      chunks.push(value);
      received += value.length;
      // With a content encoding the length is that of the encoded bytes.
      progress(total > 0 ? Math.min(1, received / total) : null);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The default model could not be fetched (${reason}); check the connection and press Use beside MobileSAM, or open a model file.`,
    );
  }
}
