// Where the pointer or the crosshair is in the image.

import { effect } from "../vendor/signals-core.js";
import type { Workbench } from "../commands/workbench.js";
import { byId } from "./dom.js";

export function showPosition({ tools }: Workbench) {
  const output = byId("position", HTMLOutputElement);
  effect(() => {
    const point = tools.pointed.value;
    output.value = point ? `x ${Math.floor(point.x)}, y ${Math.floor(point.y)}` : "";
  });
}
