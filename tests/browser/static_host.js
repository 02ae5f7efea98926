// The site of GRAYSAM_URL on a static host that sends no headers but the type.

import { createServer } from "node:http";

/** @returns {Promise<StaticHost>} */
export async function openHost() {
  const host = { base: "", pages: 0, down: false, close: () => void server.close() };
  const server = createServer(async ({ url = "/", headers }, response) => {
    if (host.down) return void response.destroy();
    const { pathname } = new URL(url, host.base);
    // The service worker fetches the page, too, to keep it.
    if (pathname === "/" && headers["sec-fetch-mode"] !== "cors") host.pages += 1;
    const reply = await fetch(new URL(pathname, process.env.GRAYSAM_URL));
    response.setHeader("Content-Type", reply.headers.get("Content-Type") ?? "");
    response.writeHead(reply.status).end(Buffer.from(await reply.arrayBuffer()));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  host.base = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`;
  return host;
}

/**
 * @typedef {object} StaticHost
 * @property {string} base its address
 * @property {number} pages how often a browser went to the page
 * @property {boolean} down it answers nothing
 * @property {() => void} close
 */
