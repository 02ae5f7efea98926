// node xtask/serve.js FOLDER PORT: serves the folder, prints the port, and ends when its standard input does, so that it never
// outlives the program that started it.

import { ISOLATED, files, listen } from "./server.js";

const [folder, port] = process.argv.slice(2);
process.stdin.on("end", () => process.exit()).resume();
try {
  const server = await listen(files(folder, ISOLATED), Number(port));
  console.log(server.port);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
