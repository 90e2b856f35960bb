import { join } from "node:path";
import { readIfPresent } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ProcessName } from "./supervisor.ts";

const TAIL_BYTES = 64 * 1024;

/** What a process logs that was told to end and could not bring everything to an end. */
export const UNCLEAN_END = "not everything could be brought to an end";

/** Why a process ended or does not come up, in its own words: the last error of its log; "" when it told none since its last good start. */
export function lastWords(paths: ClusterPaths, name: ProcessName): Promise<string> {
  const isLast = ({ level, message }: LogLine): boolean => level === "error" && message !== UNCLEAN_END;
  return newest(paths, name, isLast, ["serving", "node is up"]);
}

/** What a process that was stopped could not bring to an end, in its own words; "" when it told of nothing. */
export function endWords(paths: ClusterPaths, name: ProcessName): Promise<string> {
  return newest(paths, name, ({ message }) => message === UNCLEAN_END, ["stopping"]);
}

/** What the newest line says that is wanted. @param since Messages before which nothing counts. */
async function newest(
  paths: ClusterPaths,
  name: ProcessName,
  isWanted: (line: LogLine) => boolean,
  since: readonly string[],
): Promise<string> {
  const log =
    (await readIfPresent(join(filesOf(paths).logs, `${name}.log`)))?.subarray(-TAIL_BYTES).toString("utf8") ?? "";
  for (const text of log.trimEnd().split("\n").reverse()) {
    const line = parsed(text);
    if (isWanted(line)) return line.error ?? line.message ?? "";
    if (since.includes(line.message ?? "")) return "";
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
