import { join } from "node:path";
import { readIfPresent } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ProcessName } from "./supervisor.ts";

const TAIL_BYTES = 64 * 1024;

const STARTED = ["serving", "node is up"];

/** What a process that was stopped could not bring to an end, in its own words; "" when it told of nothing. */
export function endWords(paths: ClusterPaths, name: ProcessName): Promise<string> {
  return lastWords(paths, name, [...STARTED, "stopping"]);
}

/** Why a process ended or does not come up, in its own words: the last error of its log; "" when it told none since its last good start. @param since Messages before which nothing counts. */
export async function lastWords(paths: ClusterPaths, name: ProcessName, since = STARTED): Promise<string> {
  const log =
    (await readIfPresent(join(filesOf(paths).logs, `${name}.log`)))?.subarray(-TAIL_BYTES).toString("utf8") ?? "";
  for (const line of log.trimEnd().split("\n").reverse()) {
    const { level, message, error } = parsed(line);
    if (level === "error") return error ?? message ?? "";
    if (since.includes(message ?? "")) return "";
  }
  return "";
}

interface LogLine {
  readonly level?: string;
  readonly message?: string;
  readonly error?: string;
}

/** {} for what is no line of ours: the supervisor's, or a crash of Node itself. */
function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
