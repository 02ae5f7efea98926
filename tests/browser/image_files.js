// Small image files, made byte by byte where no encoder would make them.

import { crc32 } from "node:zlib";

import { encode } from "fast-png";

/** A PNG of one channel. @param {number} width @param {number} height @param {Uint8Array | Uint16Array} data */
export function png(width, height, data) {
  return Buffer.from(encode({ width, height, data, channels: 1, depth: data instanceof Uint16Array ? 16 : 8 }));
}

/** A PNG of a few pixels whose header declares another size. @param {number} width @param {number} height */
export function pngDeclaring(width, height) {
  const file = png(2, 2, Uint8Array.of(0, 1, 2, 3));
  // IHDR is the first chunk: its name stands at 12, width and height follow, the CRC of both at 29.
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
  return file;
}

/** A BMP of 24 bits a pixel, all three channels equal. @param {number} width @param {number} height @param {Uint8Array} data */
export function bmp(width, height, data) {
  const row = Math.ceil((width * 3) / 4) * 4;
  const file = Buffer.alloc(54 + row * height);
  file.write("BM", 0, "latin1");
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // The last row comes first.
      file.fill(data[y * width + x], 54 + (height - 1 - y) * row + x * 3, 54 + (height - 1 - y) * row + x * 3 + 3);
    }
  }
  return file;
}

/** A little-endian TIFF of one uncompressed strip and one channel. @param {number} width @param {number} height @param {Uint8Array | Uint16Array | Float32Array} data */
export function tiff(width, height, data) {
  const [SHORT, LONG] = [3, 4];
  const entries = [
    [256, LONG, width],
    [257, LONG, height],
    [258, SHORT, data.BYTES_PER_ELEMENT * 8],
    [259, SHORT, 1], // no compression
    [262, SHORT, 1], // black is zero
    [273, LONG, 8], // where the strip starts
    [277, SHORT, 1], // samples per pixel
    [278, LONG, height], // rows per strip
    [279, LONG, data.byteLength],
    [339, SHORT, data instanceof Float32Array ? 3 : 1], // IEEE floats or unsigned integers
  ];
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length, 0);
  entries.forEach(([tag, type, value], i) => {
    const at = 2 + i * 12;
    directory.writeUInt16LE(tag, at);
    directory.writeUInt16LE(type, at + 2);
    directory.writeUInt32LE(1, at + 4);
    directory.writeUInt32LE(value, at + 8);
  });
  const padding = data.byteLength % 2;
  const header = Buffer.from("II*\0\0\0\0\0", "latin1");
  header.writeUInt32LE(8 + data.byteLength + padding, 4);
  const samples = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([header, samples, Buffer.alloc(padding), directory]);
}
