// The page in WebKit, which Safari and the browsers of iPhones and iPads are made of.

import { worksIn } from "./steps.js";
import { launchWebKit } from "./webkit.js";

// Debian's keeps no files by itself, and what is driven gets no process of its own where it is isolated: it shares no memory.
worksIn("WebKit", launchWebKit, {});
