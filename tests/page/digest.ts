// SHA-256 by Node in the place of the engine's.

import { createHash } from "node:crypto";

import type { Sha256 } from "../../www/engine/graysam.js";

class Digest {
  #hash = createHash("sha256");
  update(bytes: Uint8Array) {
    this.#hash.update(bytes);
  }
  hex() {
    return this.#hash.digest("hex");
  }
  free() {}
}

export const Hash = Digest as unknown as typeof Sha256;
