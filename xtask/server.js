// Files for this machine alone: what `cargo xtask serve`, the browser tests and the benchmarks are served by.

import { createServer } from "node:http";
import sirv from "sirv";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

/** By which a page is by itself among all origins, so that its threads may share memory. */
export const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Answers with the files below a folder, in their Brotli form where one stands beside them and the reader takes it. A second visit
 * asks whether they have changed.
 * @param {string} folder
 * @param {Record<string, string>} [headers] that all answers have
 */
export function files(folder, headers = {}) {
  const answer = sirv(folder, {
    dev: true,
    etag: true,
    brotli: true,
    setHeaders(response, path) {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.setHeader("X-Content-Type-Options", "nosniff");
      if (path.endsWith(".safetensors")) response.setHeader("Content-Type", "application/octet-stream");
      // The page's own policy does not reach it.
      if (path.endsWith("/service_worker.js")) response.setHeader("Content-Security-Policy", "default-src 'self'");
    },
  });
  /** @param {Request} request @param {Response} response */
  return (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { Allow: "GET, HEAD" }).end("Only GET and HEAD are answered here.");
      return;
    }
    // Of ranges sirv knows the plain ones only, and nothing of a part that must fit another; the whole file is an answer to all.
    const { range, "if-range": version } = request.headers;
    if (version || !/^bytes=\d+-\d*$/.test(range ?? "")) delete request.headers.range;
    answer(request, response);
  };
}

/**
 * Listens on a port of 127.0.0.1, a free one where it is 0.
 * @param {(request: Request, response: Response) => void} handler
 * @param {number} [port]
 */
export async function listen(handler, port = 0) {
  const server = createServer(handler);
  await new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { port: address.port, close: () => server.close() };
}
