import type { Clock } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { type ClusterPaths, pathsOf } from "../cluster/paths.ts";
import { Progress } from "../progress.ts";

/** What every command gets. */
export interface CommandContext {
  readonly paths: ClusterPaths;
  readonly clock: Clock;
  readonly isRoot: boolean;
  readonly progress: Progress;
  /** Prints a line to standard output. */
  print(text: string): void;
}

export function commandContext(name: string): CommandContext {
  const uid = process.getuid?.() ?? 1;
  return {
    paths: pathsOf(name, process.env, uid),
    clock: realClock,
    isRoot: uid === 0,
    progress: new Progress(realClock, process.stderr),
    print: (text) => void process.stdout.write(`${text}\n`),
  };
}
