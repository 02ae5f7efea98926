// Keeps the page's files, so that a later visit needs no network. site_files.js, which the build writes, names each
// file with its digest; they are kept under both, so that what a new version has not changed is not fetched again,
// and an open page goes on with the files of its own version.

importScripts("site_files.js");

const worker = /** @type {ServiceWorkerScope} */ (/** @type {unknown} */ (self));
const { scope } = worker.registration;
const { files } = worker.SITE;
// Another folder of the same origin may hold another GraySAM.
const CACHE = `GraySAM at ${scope}`;

/** @param {string} path */
function keyOf(path) {
  return new URL(`${path}?${files[path]}`, scope).href;
}

/** The key of the file that is asked for, if it is one of the page's. @param {Request} request */
function keyFor({ method, url, headers }) {
  if (method !== "GET" || headers.has("Range") || !url.startsWith(scope)) return;
  const path = url.slice(scope.length).replace(/[?#].*/s, "").replace(/^index\.html$/, "");
  return Object.hasOwn(files, path) ? keyOf(path) : undefined;
}

/** @param {string} path */
async function fetchFile(path) {
  const response = await fetch(new URL(path, scope), { cache: "no-cache", integrity: files[path] });
  if (!response.ok) throw new Error(`${path} could not be fetched (status ${response.status}).`);
  const body = await response.blob();
  // A copy has no trace of a redirection, with which no page may be answered.
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding");
  headers.set("Content-Length", String(body.size));
  return new Response(body, { headers });
}

/** Fetches what is missing of this version: all of it or, by an error, none. */
async function install() {
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  for (const path of Object.keys(files)) {
    if (!kept.has(keyOf(path))) await cache.put(keyOf(path), await fetchFile(path));
  }
}

/** No page uses the version before any more. */
async function removeOld() {
  const cache = await caches.open(CACHE);
  const keys = new Set(Object.keys(files).map(keyOf));
  for (const request of await cache.keys()) {
    if (!keys.has(request.url)) await cache.delete(request);
  }
}

/** @param {Request} request @param {string} key */
async function answer(request, key) {
  const cache = await caches.open(CACHE);
  return (await cache.match(key)) ?? fetch(request);
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOld()));
worker.addEventListener("fetch", (event) => {
  const key = keyFor(event.request);
  if (key) event.respondWith(answer(event.request, key));
});
worker.addEventListener("message", ({ data }) => {
  if (data === "take over") void worker.skipWaiting();
});
