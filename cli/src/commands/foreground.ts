import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { type ClusterPaths, filesOf } from "../cluster/paths.ts";
import { supervisorOf } from "../cluster/supervisor.ts";
import type { CommandContext } from "./context.ts";
import { down } from "./down.ts";

const LOOK_MS = 500;

/** Where the logs of a cluster's processes end. */
export type LogEnds = ReadonlyMap<string, number>;

export function logEnds(paths: ClusterPaths): LogEnds {
  const logs = ["server", "node"].map((name) => join(filesOf(paths).logs, `${name}.log`));
  return new Map(logs.map((log) => [log, statSync(log, { throwIfNoEntry: false })?.size ?? 0]));
}

/**
 * Shows the logs of a running cluster until it is told to stop (SIGINT, SIGTERM), then stops it; or until someone else did.
 * @param from Where to begin.
 */
export async function foreground(context: CommandContext, from: LogEnds): Promise<void> {
  const { paths, clock } = context;
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  const tails = [...from].map(([log, end]) => follow(log, end));
  try {
    while (!stop.signal.aborted && supervisorOf(paths, "server") !== undefined) {
      await clock.sleep(LOOK_MS, stop.signal).catch(() => {});
    }
    if (stop.signal.aborted) await down(context, false);
  } finally {
    for (const tail of tails) tail.kill();
  }
}

/** In a session of its own: Ctrl-C at the terminal is ours to take. */
function follow(log: string, end: number): ChildProcess {
  return spawn("tail", ["-c", `+${end + 1}`, "-F", log], { stdio: ["ignore", "inherit", "ignore"], detached: true });
}
