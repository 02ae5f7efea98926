// The file server, asked as browsers ask it, and as they do not.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { files, listen } from "./server.js";

const folder = mkdtempSync(join(tmpdir(), "graysam-server-"));
const site = join(folder, "site");
mkdirSync(join(site, "www"), { recursive: true });
writeFileSync(join(site, "index.html"), "<p>page</p>");
writeFileSync(join(site, "service_worker.js"), "// worker");
writeFileSync(join(site, "www/a b.js"), "0123456789");
writeFileSync(join(site, "www/packed.wasm"), "plain wasm");
writeFileSync(join(site, "www/packed.wasm.br"), "BROTLI");
writeFileSync(join(folder, "secret.txt"), "secret");

const server = await listen(files(site));
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/**
 * Asks without the client's own ideas of what an address is.
 * @param {string} path
 * @param {Record<string, string>} [headers]
 * @param {string} [method]
 * @returns {Promise<{status?: number, headers: import("node:http").IncomingHttpHeaders, body: string}>}
 */
function ask(path, headers = {}, method = "GET") {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: server.port, path, headers, method, agent: false }, async (reply) => {
      let body = "";
      for await (const piece of reply) body += piece;
      resolve({ status: reply.statusCode, headers: reply.headers, body });
    });
    sent.on("error", reject).end();
  });
}

test("the page is served under its folder's address", async () => {
  const { status, headers, body } = await ask("/?x=/../y");
  assert.equal(status, 200);
  assert.match(headers["content-type"] ?? "", /^text\/html;\s*charset=utf-8$/);
  assert.equal(headers["cache-control"], "no-cache");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(body, "<p>page</p>");
});

test("part of a file is served, and the whole where the range is another kind", async () => {
  const part = await ask("/www/a%20b.js", { Range: "bytes=2-4" });
  assert.equal(part.status, 206);
  assert.equal(part.headers["content-range"], "bytes 2-4/10");
  assert.match(part.headers["content-type"] ?? "", /^text\/javascript/);
  assert.equal(part.body, "234");
  assert.equal((await ask("/www/a%20b.js", { Range: "bytes=7-" })).body, "789");
  assert.equal((await ask("/www/a%20b.js", { Range: "bytes=10-" })).status, 416);
  for (const headers of [{ Range: "bytes=-5" }, { Range: "bytes=0-1,3-4" }, { Range: "bytes=1-2", "If-Range": '"other"' }]) {
    const whole = await ask("/www/a%20b.js", /** @type {Record<string, string>} */ (headers));
    assert.equal(whole.status, 200);
    assert.equal(whole.body, "0123456789");
  }
});

test("the Brotli form is served to those who take it", async () => {
  const plain = await ask("/www/packed.wasm", { "Accept-Encoding": "gzip" });
  assert.equal(plain.body, "plain wasm");
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.equal(plain.headers["vary"], "Accept-Encoding");
  const packed = await ask("/www/packed.wasm", { "Accept-Encoding": "gzip, br" });
  assert.equal(packed.body, "BROTLI");
  assert.equal(packed.headers["content-encoding"], "br");
  assert.equal(packed.headers["content-length"], "6");
  assert.equal(packed.headers["content-type"], "application/wasm");
  assert.notEqual(plain.headers.etag, packed.headers.etag);
});

test("what has not changed is not sent again", async () => {
  const { headers } = await ask("/index.html");
  const again = await ask("/index.html", { "If-None-Match": headers.etag ?? "" });
  assert.equal(again.status, 304);
  assert.equal(again.body, "");
  writeFileSync(join(site, "index.html"), "<p>another page</p>");
  const changed = await ask("/index.html", { "If-None-Match": headers.etag ?? "" });
  assert.equal(changed.body, "<p>another page</p>");
  writeFileSync(join(site, "index.html"), "<p>page</p>");
});

test("the service worker comes with its policy, other files without", async () => {
  const worker = await ask("/service_worker.js");
  assert.equal(worker.headers["content-security-policy"], "default-src 'self'");
  assert.equal((await ask("/index.html")).headers["content-security-policy"], undefined);
});

test("addresses do not leave the folder", async () => {
  for (const path of [
    "/../secret.txt",
    "/www/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e%00/secret.txt",
    "/%zz",
    "/%ff",
    "/none.html",
    "/www/",
    `/${join(folder, "secret.txt")}`,
  ]) {
    const { status, body } = await ask(path);
    assert.equal(status, 404, path);
    assert.doesNotMatch(body, /secret/);
  }
});

test("only GET and HEAD are answered", async () => {
  const head = await ask("/www/a%20b.js", {}, "HEAD");
  assert.equal(head.status, 200);
  assert.equal(head.headers["content-length"], "10");
  assert.equal(head.body, "");
  const post = await ask("/index.html", {}, "POST");
  assert.equal(post.status, 405);
  assert.equal(post.headers.allow, "GET, HEAD");
});
