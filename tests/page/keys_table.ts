// The manual's table of gestures and keys. `node keys_table.js --write` puts it into docs/guide.md.

import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

import type { Registry } from "../../www/commands/registry.js";
import { pageRegistry } from "./commands.js";

const START = "<!-- keys -->\n";
const END = "<!-- /keys -->\n";
/** From where this is compiled to. */
export const GUIDE = new URL("../../../../docs/guide.md", import.meta.url);

export function keysTable(registry: Registry): string {
  const rows = registry.help.map(({ keys, text }) => `| ${keys} | ${text} |`);
  return ["| mouse or keys | what they do |", "| --- | --- |", ...rows].map((row) => `${row}\n`).join("");
}

/** What stands around the table. @throws without its marks */
function around(guide: string): [before: string, table: string, after: string] {
  const [start, end] = [guide.indexOf(START) + START.length, guide.indexOf(END)];
  if (start < START.length || end < start) throw new Error(`docs/guide.md lacks ${START.trim()} or ${END.trim()}.`);
  return [guide.slice(0, start), guide.slice(start, end), guide.slice(end)];
}

/** The table as the manual has it. */
export async function writtenTable(): Promise<string> {
  return around(await readFile(GUIDE, "utf8"))[1];
}

async function write() {
  const [before, , after] = around(await readFile(GUIDE, "utf8"));
  await writeFile(GUIDE, before + keysTable(pageRegistry()) + after);
}

const called = process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url;
if (called && process.argv.includes("--write")) await write();
