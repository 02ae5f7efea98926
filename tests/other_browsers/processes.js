// Programs that a test starts, and that end with it.

import { spawn } from "node:child_process";
import { once } from "node:events";

// Else what was started would outlive a test that is broken off.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/**
 * Starts a program in a process group of its own and keeps what it prints.
 * @param {string} program @param {string[]} args @param {Record<string, string>} environment beside the present one
 */
export function start(program, args, environment) {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  /** @type {Error | undefined} */
  let failure;
  child.on("error", (error) => (failure = error));
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (text += chunk));

  const end = () => {
    if (!child.pid || child.exitCode !== null || child.signalCode) return;
    // Its children too, where there are groups: a browser is several processes.
    if (process.platform === "win32") child.kill();
    else process.kill(-child.pid, "SIGTERM");
  };
  process.on("exit", end);

  return {
    ended: () => child.exitCode !== null || child.signalCode !== null,
    lines: () => text.split("\n"),
    /** Waits until it gives something. @template T @param {() => T | undefined | Promise<T | undefined>} look @returns {Promise<T>} */
    async until(look) {
      for (const limit = Date.now() + 60_000; ;) {
        const found = await look();
        if (found !== undefined) return found;
        if (failure || child.exitCode !== null || Date.now() > limit)
          throw new Error(`${program} did not start: ${text}`, { cause: failure });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async end() {
      process.off("exit", end);
      if (!child.pid || child.exitCode !== null || child.signalCode) return;
      const exited = once(child, "exit");
      end();
      await exited;
    },
  };
}
