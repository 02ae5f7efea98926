// Workers whose scripts are modules.

import { addressOf } from "../site.js";

/**
 * Starts one. From its own address it would have the policy of that reply's headers, of which a static
 * host sends none; from a blob it has the page's. The import is dynamic because script-src, not worker-src,
 * decides on it. It posts { ready: true } when it listens, or why it cannot, as { crash }.
 * @param file such as "engine/worker.js"
 */
export function startModuleWorker(file: string): Worker {
  const module = JSON.stringify(addressOf(file).href);
  const script = `import(${module}).then(
    () => postMessage({ ready: true }),
    () => postMessage({ crash: "its files could not be loaded" }),
  );`;
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(address, { type: "module" });
  worker.addEventListener("message", () => URL.revokeObjectURL(address), { once: true });
  return worker;
}
