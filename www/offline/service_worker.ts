// Keeps the page's files, so that a later visit needs no network. site_files.js, which the build writes, names each
// file with its digest; they are kept under both, so that what a new version has not changed is not fetched again,
// and an open page goes on with the files of its own version.

/** What site_files.js defines: each file's integrity metadata by its path in the site; the page itself is "". */
interface Site {
  version: string;
  files: Record<string, string>;
}

importScripts("site_files.js");

const worker = self as unknown as ServiceWorkerGlobalScope & { readonly SITE: Site };
const { scope } = worker.registration;
const { files } = worker.SITE;
// Another folder of the same origin may hold another GraySAM.
const CACHE = `GraySAM at ${scope}`;

function keyOf(path: string) {
  return new URL(`${path}?${files[path]}`, scope).href;
}

/** The key of the file that is asked for, if it is one of the page's. */
function keyFor({ method, url, headers }: Request) {
  if (method !== "GET" || headers.has("Range") || !url.startsWith(scope)) return undefined;
  const path = url
    .slice(scope.length)
    .replace(/[?#].*/s, "")
    .replace(/^index\.html$/, "");
  return Object.hasOwn(files, path) ? keyOf(path) : undefined;
}

async function fetchFile(path: string) {
  const response = await fetch(new URL(path, scope), { cache: "no-cache", integrity: files[path] });
  if (!response.ok) throw new Error(`${path} could not be fetched (status ${response.status}).`);
  const body = await response.blob();
  // A copy has no trace of a redirect, and a navigation must not be answered with a redirected response.
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding");
  headers.set("Content-Length", String(body.size));
  return new Response(body, { headers });
}

/** Fetches what is missing of this version; an error fails the installation. */
async function install() {
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  for (const path of Object.keys(files)) {
    if (!kept.has(keyOf(path))) await cache.put(keyOf(path), await fetchFile(path));
  }
}

/** Removes the files of earlier versions, which no page uses any more. */
async function removeOld() {
  const cache = await caches.open(CACHE);
  const keys = new Set(Object.keys(files).map(keyOf));
  for (const request of await cache.keys()) {
    if (!keys.has(request.url)) await cache.delete(request);
  }
}

async function answer(request: Request, key: string) {
  const cache = await caches.open(CACHE);
  return (await cache.match(key)) ?? fetch(request);
}

/** Takes over for the page that asks, unless others are open: they would get this version's files beside those of their own. */
async function takeOver(asking: Client) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const isOther = ({ id, url }: Client) => id !== asking.id && url.startsWith(scope);
  if (pages.some(isOther)) asking.postMessage("others are open");
  else await worker.skipWaiting();
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOld()));
worker.addEventListener("fetch", (event) => {
  const key = keyFor(event.request);
  if (key) event.respondWith(answer(event.request, key));
});
worker.addEventListener("message", (event) => {
  if (event.data === "take over" && event.source instanceof Client) event.waitUntil(takeOver(event.source));
});
