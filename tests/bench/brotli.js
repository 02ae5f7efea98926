// Prints {"megabytes": …} of files in Brotli's encoding at its best, as a static host would keep them.
// node tests/bench/brotli.js FOLDER FILE… keeps the encoded files in FOLDER.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";

/** @param {string} folder @param {string} file @returns {Promise<number>} bytes */
async function encoded(folder, file) {
  const kept = join(folder, `${basename(file)}.br`);
  if (!existsSync(kept) || statSync(kept).mtimeMs < statSync(file).mtimeMs) {
    writeFileSync(kept, await promisify(brotliCompress)(readFileSync(file)));
  }
  return statSync(kept).size;
}

const [folder, ...files] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const sizes = await Promise.all(files.map((file) => encoded(folder, file)));
console.log(JSON.stringify({ megabytes: sizes.reduce((a, b) => a + b) / 1e6 }));
