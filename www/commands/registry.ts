// One entry for each thing that the person can have done: its words, its keys, when it is possible, and what it does.
// Shortcuts, buttons' titles, the help in the page and the manual's table of keys come from here.

export interface Command {
  id: string;
  /** What it does, for a title and for the help: "Undo". */
  label: string;
  /** Such as "Ctrl+Z"; the first one is shown. */
  keys?: readonly string[];
  /** Its keys work only while the image has the focus. */
  canvasOnly?: boolean;
  /** For the help, where several commands stand in one line; null: the line is another command's. */
  help?: { keys: string; text: string } | null;
  /** Reads signals; a command that is not possible takes no key. */
  possible?(): boolean;
  run(): unknown;
}

/** What a mouse, a pen or a finger does on the image, for the help. */
export const GESTURES: readonly { keys: string; text: string }[] = [
  { keys: "Click", text: "a point inside the object" },
  { keys: "Right click, Alt+click, long touch", text: "a point outside it" },
  { keys: "Drag", text: "a box around it" },
  { keys: "Ctrl+click", text: "select an object, or deselect it; choose a suggestion" },
  { keys: "Wheel, pinch", text: "zoom" },
  { keys: "Space+drag, Shift+drag, middle drag, two fingers", text: "move the image" },
];

interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  getModifierState?(key: string): boolean;
}

/** The names that a key press may have in a command, the more exact one first; none where Alt is held. */
export function namesOf(event: KeyPress): string[] {
  // On many keyboards a character such as [ needs it.
  const graph = event.getModifierState?.("AltGraph") ?? false;
  if (event.altKey && !graph) return [];
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const control = (event.ctrlKey || event.metaKey) && !graph ? "Ctrl+" : "";
  return event.shiftKey ? [`${control}Shift+${key}`, ...(control ? [] : [key])] : [control + key];
}

export class Registry {
  readonly commands: readonly Command[];
  #byId = new Map<string, Command>();
  #byKey = new Map<string, Command>();

  /** @throws when two commands have the same id or key */
  constructor(commands: readonly Command[]) {
    this.commands = commands;
    for (const command of commands) {
      if (this.#byId.has(command.id)) throw new Error(`There are two commands ${command.id}.`);
      this.#byId.set(command.id, command);
      for (const key of command.keys ?? []) {
        const other = this.#byKey.get(key);
        if (other) throw new Error(`${key} is the key of ${other.id} and of ${command.id}.`);
        this.#byKey.set(key, command);
      }
    }
  }

  /** @throws when there is none */
  get(id: string): Command {
    const command = this.#byId.get(id);
    if (!command) throw new Error(`There is no command ${id}.`);
    return command;
  }

  /** The command that a key press means. @param onCanvas the image has the focus */
  find(event: KeyPress, onCanvas: boolean): Command | undefined {
    for (const name of namesOf(event)) {
      const command = this.#byKey.get(name);
      if (command && (onCanvas || !command.canvasOnly) && (command.possible?.() ?? true)) return command;
    }
  }

  /** Keys and what they do, for the help. */
  get help(): { keys: string; text: string }[] {
    const lines = this.commands.flatMap(({ keys, label, help }) => {
      if (help !== undefined) return help ? [help] : [];
      return keys ? [{ keys: keys.map(shown).join(" or "), text: label.charAt(0).toLowerCase() + label.slice(1) }] : [];
    });
    return [...GESTURES, ...lines];
  }
}

const NAMES: Record<string, string> = {
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page Up",
  PageDown: "Page Down",
};

/** A key as it is shown. */
export function shown(key: string) {
  const at = key.lastIndexOf("+", key.length - 2) + 1;
  const last = key.slice(at);
  return key.slice(0, at) + (NAMES[last] ?? last);
}

/** A key as aria-keyshortcuts has it. */
export function ariaKey(key: string) {
  return key.replace("Ctrl+", "Control+");
}
