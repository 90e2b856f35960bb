import { readFileSync } from "node:fs";

/** As Docker's API has it; below 0 for none. */
export interface Ulimit {
  /** "nofile". */
  readonly Name?: string;
  readonly Soft?: number;
  readonly Hard?: number;
}

interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** getrlimit(2), RLIM_INFINITY, as near as a number comes; see {@link ociJson}. */
const UNLIMITED = 2 ** 64;

/** What a runtime reads, where no limit is the greatest number of 64 bits and not the one after it. */
export function ociJson(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => (each === UNLIMITED ? RLIM_INFINITY : each));
}

const RLIM_INFINITY = (JSON as unknown as { rawJSON(text: string): object }).rawJSON(String(2n ** 64n - 1n));

/** As {@link ociJson} takes it. @param canRaise Whether this process may give more than it has itself. */
export function rlimitOf({ Name = "", Soft = 0, Hard = 0 }: Ulimit, canRaise: boolean): Rlimit {
  const type = `RLIMIT_${Name.toUpperCase()}`;
  const own = canRaise ? UNLIMITED : ownHardLimit(Name);
  const value = (limit: number): number => Math.min(limit < 0 ? UNLIMITED : limit, own);
  return { type, soft: value(Soft), hard: value(Hard) };
}

/** proc(5), limits. */
function ownHardLimit(name: string): number {
  const titles: Readonly<Record<string, string>> = {
    nofile: "Max open files",
    nproc: "Max processes",
    core: "Max core file size",
    memlock: "Max locked memory",
    stack: "Max stack size",
  };
  const line = readFileSync("/proc/self/limits", "utf8")
    .split("\n")
    .find((each) => each.startsWith(titles[name.toLowerCase()] ?? "\0"));
  const hard = line?.slice(26).trim().split(/\s+/)[1];
  return hard === undefined || hard === "unlimited" ? UNLIMITED : Number(hard);
}
