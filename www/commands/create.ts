// Makes the document, the session and the commands, and joins them.

import { Draft } from "../document/draft.js";
import { History } from "../document/history.js";
import { Notices } from "../document/notices.js";
import { Project } from "../document/project.js";
import { Sight } from "../document/sight.js";
import { ToolState } from "../document/tool_state.js";
import type { DeviceChoice } from "../engine/graysam.js";
import { ProjectKeeper } from "../session/project_keeper.js";
import { Session, type SessionOptions } from "../session/session.js";
import { type Browser, FileCommands } from "./files.js";
import { ImageCommands } from "./images.js";
import { LabelTools } from "./label_tools.js";
import { NavigationCommands } from "./navigation.js";
import { ObjectCommands } from "./objects.js";
import { ProjectFileCommands } from "./project_files.js";
import { PromptCommands } from "./prompts.js";
import { SuggestionCommands } from "./suggestions.js";
import type { Workbench } from "./workbench.js";

/** @param options `makeEngine` stands in for the browser's worker in tests */
export function createWorkbench(
  device: DeviceChoice,
  browser: Browser,
  options: Pick<SessionOptions, "makeEngine"> = {},
): { bench: Workbench; keeper: ProjectKeeper } {
  const notices = new Notices();
  const project = new Project();
  const draft = new Draft();
  const sight = new Sight();
  const tools = new ToolState();
  const keeper = new ProjectKeeper(project, draft, notices);
  const { restored } = keeper;
  const history: History = new History(
    () => project.current.peek()?.id,
    (id) => navigation.openById(id),
  );
  history.onPass((passed, moved, how) => {
    const name = project.imageOf(passed.image ?? "")?.name ?? "its image";
    notices.tell(
      `${name} cannot be opened, so “${passed.label}” stays as it is; “${moved.label}” was ${how === "undo" ? "undone" : "redone"} instead.`,
    );
  });
  const session = new Session(project, draft, sight, notices, { ...options, device, found: (found) => files.addFound(found) });
  const objects = new ObjectCommands(project, history, notices);
  const prompts = new PromptCommands(project, draft, sight, tools, history, objects);
  const images = new ImageCommands(project, history, (source) => navigation.open(source));
  const labelTools = new LabelTools(project, draft, tools, history, objects, prompts);
  const suggestions = new SuggestionCommands(project, history, notices, objects, prompts);
  const navigation: NavigationCommands = new NavigationCommands(project, session, notices, images, prompts, restored);
  const files: FileCommands = new FileCommands(
    project,
    draft,
    session,
    notices,
    { objects, images, labelTools, navigation },
    restored,
    browser,
  );
  const projectFiles = new ProjectFileCommands(project, session, notices, history, navigation, restored, browser);
  void restored.then(async ({ image, draft: record }) => {
    // Where the person left it.
    if (image && !session.image.source.peek() && (await session.openImage(image.source)) && record) {
      draft.put(record.rounds, record.refined, record.corrections ? Uint32Array.from(record.corrections) : undefined);
    }
    keeper.draftRestored();
  });
  return {
    bench: {
      project,
      draft,
      sight,
      tools,
      history,
      notices,
      session,
      objects,
      prompts,
      images,
      labelTools,
      suggestions,
      navigation,
      files,
      projectFiles,
    },
    keeper,
  };
}
