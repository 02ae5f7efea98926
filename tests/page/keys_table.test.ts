import assert from "node:assert/strict";
import { test } from "node:test";

import { pageRegistry } from "./commands.js";
import { keysTable, writtenTable } from "./keys_table.js";

test("the manual's table of keys is that of the commands", async () => {
  const command = "node target/page/tests/page/keys_table.js --write";
  assert.equal(await writtenTable(), keysTable(pageRegistry()), `\`${command}\` writes it anew`);
});
