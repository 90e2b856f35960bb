import type { Clock } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { type ClusterPaths, pathsOf } from "../cluster/paths.ts";
import { Progress } from "../progress.ts";

/** Set for a command that starts itself again in that namespace. */
export const ROOTLESS = "TSUKUBE_ROOTLESS";

/** What every command gets. */
export interface CommandContext {
  readonly paths: ClusterPaths;
  readonly clock: Clock;
  readonly isRoot: boolean;
  /** It is root in the namespace of users of an engine without root only, which has these ids. */
  readonly rootless?: "many-ids" | "one-id";
  readonly progress: Progress;
  /** Prints a line to standard output. */
  print(text: string): void;
}

export function commandContext(name: string): CommandContext {
  const uid = process.getuid?.() ?? 1;
  const rootless = process.env[ROOTLESS] as CommandContext["rootless"];
  return {
    ...(rootless === undefined ? {} : { rootless }),
    paths: pathsOf(name, process.env, rootless === undefined ? uid : 1),
    clock: realClock,
    isRoot: uid === 0,
    progress: new Progress(realClock, process.stderr),
    print: (text) => void process.stdout.write(`${text}\n`),
  };
}
