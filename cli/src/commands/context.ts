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
  /** Of the engine that the command or the environment names, instead of the cluster's. */
  readonly dockerHost?: string;
  readonly progress: Progress;
  /** Prints a line to standard output. */
  print(text: string): void;
}

/** @param name Of the cluster; "default" by default. @param dockerHost As {@link CommandContext} has it; that of the environment by default, unless a cluster is named. */
export function commandContext(name: string | undefined, dockerHost?: string): CommandContext {
  const uid = process.getuid?.() ?? 1;
  const rootless = process.env[ROOTLESS] as CommandContext["rootless"];
  const host = dockerHost ?? (name === undefined ? process.env["DOCKER_HOST"] || undefined : undefined);
  return {
    ...(host === undefined ? {} : { dockerHost: host }),
    ...(rootless === undefined ? {} : { rootless }),
    paths: pathsOf(name ?? "default", process.env, rootless === undefined ? uid : 1),
    clock: realClock,
    isRoot: uid === 0,
    progress: new Progress(realClock, process.stderr),
    print: (text) => void process.stdout.write(`${text}\n`),
  };
}
