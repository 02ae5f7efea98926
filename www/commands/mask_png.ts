// A mask as an 8-bit grayscale PNG, as the engine writes those that it has itself. It is compressed by the browser, a few
// rows at a time, so that a large image's mask is never there as a plane.

import type { MaskRegion } from "../document/types.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Bytes of rows that are compressed at a time. */
const PIECE = 1 << 20;

const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crcOf(bytes: Uint8Array) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function chunk(kind: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crcOf(bytes.subarray(4, data.length + 8)));
  return bytes;
}

function header(width: number, height: number) {
  const bytes = new Uint8Array(13);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // 8 bits of gray; no interlacing.
  bytes[8] = 8;
  return chunk("IHDR", bytes);
}

/** The rows of the whole image, each after the number of its filter, none. */
function rowsOf({ x0, y0, x1, y1, bits }: MaskRegion, width: number, height: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const [columns, line] = [x1 - x0, width + 1];
  const count = Math.max(1, Math.floor(PIECE / line));
  let from = 0;
  return new ReadableStream({
    pull(controller) {
      const to = Math.min(height, from + count);
      const rows = new Uint8Array((to - from) * line);
      for (let y = Math.max(from, y0); y < Math.min(to, y1); y++) {
        rows.set(bits.subarray((y - y0) * columns, (y - y0 + 1) * columns), (y - from) * line + 1 + x0);
      }
      controller.enqueue(rows);
      from = to;
      if (from === height) controller.close();
    },
  });
}

/** @param width of the image, in which the mask is 255 inside and 0 outside */
export async function maskPng(mask: MaskRegion, width: number, height: number): Promise<Blob> {
  const pieces = [SIGNATURE, header(width, height)];
  const reader = rowsOf(mask, width, height).pipeThrough(new CompressionStream("deflate")).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(chunk("IDAT", read.value));
  pieces.push(chunk("IEND", new Uint8Array(0)));
  return new Blob(pieces, { type: "image/png" });
}
