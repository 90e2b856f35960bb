import { existsSync } from "node:fs";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { filesOf } from "../cluster/paths.ts";
import type { CommandContext } from "./context.ts";
import { runInTerminal } from "./in-terminal.ts";

/** Shows the logs of the cluster's own processes. @param component "server" or "node"; all by default. */
export async function logs(
  { paths }: CommandContext,
  component: string | undefined,
  follow: boolean,
  lines: number,
): Promise<void> {
  const folder = filesOf(paths).logs;
  const names = component === undefined ? ["server", "node", "engine", "registry"] : [component];
  const files = names.map((name) => join(folder, `${name}.log`)).filter((file) => existsSync(file));
  if (files.length === 0) {
    throw new TsukubeError(
      "not-found",
      `Cannot show logs of cluster "${paths.name}": none in ${folder}, expected a cluster that was started with "tsukube up"`,
    );
  }
  const args = ["-n", String(lines), ...(follow ? ["-F"] : []), ...(files.length > 1 ? ["-v"] : []), ...files];
  await runInTerminal("tail", args);
}
