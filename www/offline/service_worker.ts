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

/** Fetches what is missing of this version. */
async function keepFiles() {
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
  const response = (await cache.match(key)) ?? (await fetch(request));
  return request.mode === "navigate" ? isolated(response) : response;
}

/** The page by itself among all origins, whatever its host says: browsers let only such a page have threads. */
function isolated(response: Response) {
  // A redirection to be followed, which cannot be copied.
  if (response.type === "opaqueredirect") return response;
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(body, { status, statusText, headers });
}

/** For all pages that ask at the same time. */
let keeping: Promise<void> | undefined;

/** Has the files kept, where they are not yet, and says so to the page that asks. */
async function keepFor(asking: Client) {
  try {
    await (keeping ??= keepFiles().finally(() => (keeping = undefined)));
    asking.postMessage("the files are kept");
  } catch {
    asking.postMessage("files are missing");
  }
}

/** Takes over for the page that asks, unless others are open: they would get this version's files beside those of their own. */
async function takeOver(asking: Client) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const isOther = ({ id, url }: Client) => id !== asking.id && url.startsWith(scope);
  if (pages.some(isOther)) asking.postMessage("others are open");
  else await worker.skipWaiting();
}

worker.addEventListener("install", (event) => {
  // The first one is needed before the files are, and keeps them when the page has fetched its own; a later one leaves the
  // place to the one before until it has them all. An error fails the installation.
  if (worker.registration.active) event.waitUntil(keepFiles());
});
worker.addEventListener("activate", (event) => event.waitUntil(removeOld()));
worker.addEventListener("fetch", (event) => {
  const key = keyFor(event.request);
  if (key) event.respondWith(answer(event.request, key));
});
worker.addEventListener("message", (event) => {
  if (!(event.source instanceof Client)) return;
  if (event.data === "take over") event.waitUntil(takeOver(event.source));
  if (event.data === "keep the files") event.waitUntil(keepFor(event.source));
});
