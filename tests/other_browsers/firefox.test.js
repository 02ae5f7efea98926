// The page in Firefox as it is released.

import { launchFirefox } from "./firefox.js";
import { worksIn } from "./steps.js";

worksIn("Firefox", launchFirefox, { threads: true, files: true });
