// All that the commands work on and with.

import type { Draft } from "../document/draft.js";
import type { History } from "../document/history.js";
import type { Notices } from "../document/notices.js";
import type { Project } from "../document/project.js";
import type { Sight } from "../document/sight.js";
import type { ToolState } from "../document/tool_state.js";
import type { Session } from "../session/session.js";
import type { FileCommands } from "./files.js";
import type { ImageCommands } from "./images.js";
import type { LabelTools } from "./label_tools.js";
import type { NavigationCommands } from "./navigation.js";
import type { ObjectCommands } from "./objects.js";
import type { ProjectFileCommands } from "./project_files.js";
import type { PromptCommands } from "./prompts.js";
import type { SuggestionCommands } from "./suggestions.js";

export interface Workbench {
  readonly project: Project;
  readonly draft: Draft;
  readonly sight: Sight;
  readonly tools: ToolState;
  readonly history: History;
  readonly notices: Notices;
  readonly session: Session;
  readonly objects: ObjectCommands;
  readonly prompts: PromptCommands;
  readonly images: ImageCommands;
  readonly labelTools: LabelTools;
  readonly suggestions: SuggestionCommands;
  readonly navigation: NavigationCommands;
  readonly files: FileCommands;
  readonly projectFiles: ProjectFileCommands;
}

/** The canvas as the commands see it. */
export interface View {
  zoom(factor: number): void;
  fit(): void;
  /** A pixel of the image on each of the screen. */
  zoomActual(): void;
  /** Moves the keyboard's crosshair by whole pixels. */
  moveCrosshair(dx: number, dy: number): void;
  /** Marks the crosshair as a corner of a box; the second one completes it. */
  markCorner(): void;
  /** Gives up a gesture that has been begun. @returns whether one had */
  cancelGesture(): boolean;
}

/** Work that begins with settings which the person has filled in, or with a file which they choose. */
export interface Forms {
  findObjects(): void;
  train(): void;
  openProject(): void;
}
