// The tool in hand.

import { batch, signal } from "../vendor/signals-core.js";
import type { Point } from "./geometry.js";

export const TOOLS = ["prompt", "select", "draw", "erase", "polygon", "cut"] as const;
export type Tool = (typeof TOOLS)[number];

const SMALLEST_BRUSH = 1;
const LARGEST_BRUSH = 100;

export class ToolState {
  readonly tool = signal<Tool>("prompt");
  /** The brush's diameter in image pixels. */
  readonly brushSize = signal(15);
  /** The corners of the polygon, or the first end of the cut, that is being drawn, in image pixels. */
  readonly line = signal<readonly Point[]>([]);
  /** The image point under the pointer, or the crosshair when that moved last. */
  readonly pointed = signal<Point | undefined>(undefined);

  /** Takes another tool and forgets what the one before had begun. */
  choose(tool: Tool) {
    batch(() => {
      this.line.value = [];
      this.tool.value = tool;
    });
  }

  setBrushSize(size: number) {
    this.brushSize.value = Math.min(LARGEST_BRUSH, Math.max(SMALLEST_BRUSH, Math.round(size)));
  }

  /** One step larger or smaller. */
  stepBrushSize(larger: boolean) {
    const step = Math.max(1, Math.round(this.brushSize.value / 5));
    this.setBrushSize(this.brushSize.value + (larger ? step : -step));
  }
}
