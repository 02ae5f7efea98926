// A script of its own before the page's, so that a first visit that is begun again has fetched little.

import { isolate } from "./isolation.js";

/** Resolves when the page can start. */
export const settled = isolate();
