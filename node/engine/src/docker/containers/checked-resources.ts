import { readFileSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";

/** `--cpuset-cpus` and `--cpuset-mems` must name what the machine has. @throws {TsukubeError} `invalid`, in docker's words. */
export function checkSets({ CpusetCpus: cpus = "", CpusetMems: mems = "" }: Sets): void {
  checkSet(cpus, "cpuset cpus", "CPUs", onlineIn("/sys/devices/system/cpu/online"));
  checkSet(mems, "cpuset mems", "memory nodes", onlineIn("/sys/devices/system/node/online"));
}

interface Sets {
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
}

function checkSet(wanted: string, field: string, what: string, available: string): void {
  if (wanted === "") return;
  const numbers = numbersIn(wanted);
  if (numbers === undefined)
    throw new TsukubeError("invalid", `invalid value ${wanted} for ${field}: invalid format: ${wanted}`);
  const known = new Set(numbersIn(available));
  if (numbers.every((number) => known.has(number))) return;
  throw new TsukubeError(
    "invalid",
    `requested ${what} are not available - requested ${wanted}, available: ${available}`,
  );
}

const MOST = 8192;

/** "0-2,5"; undefined for anything else. */
function numbersIn(text: string): readonly number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === "" || Number(last) < Number(first) || Number(last) > MOST) return undefined;
    for (let number = Number(first); number <= Number(last); number++) numbers.push(number);
  }
  return numbers;
}

/** A kernel without nodes has one. */
function onlineIn(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "0";
  }
}

const TMPFS_FLAGS = new Set(
  "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync mand nomand atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime".split(
    " ",
  ),
);
const TMPFS_VALUES = new Set(["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]);

/** Those of `--tmpfs`. @throws {TsukubeError} `invalid`. */
export function checkTmpfsOptions(options: string): void {
  for (const option of options.split(",").filter((each) => each !== "")) {
    const [name = "", ...value] = option.split("=");
    const isKnown = value.length === 0 ? TMPFS_FLAGS.has(name) : TMPFS_VALUES.has(name);
    if (isKnown) continue;
    const shown = option.split("=").map((part) => JSON.stringify(part));
    throw new TsukubeError("invalid", `invalid tmpfs option [${shown.join(" ")}]`);
  }
}

const LOG_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  "json-file": ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"],
  local: ["max-file", "max-size", "compress"],
};
/** Of how an engine reads from containers, and of a copy for drivers that cannot be read. */
const COMMON_LOG_OPTIONS = [
  "mode",
  "max-buffer-size",
  "cache-disabled",
  "cache-max-size",
  "cache-max-file",
  "cache-compress",
];

/** `--log-opt`. @throws {TsukubeError} `invalid` for one that the driver does not know. */
export function checkLogOptionNames(driver: string, options: Readonly<Record<string, string>>): void {
  const known = LOG_OPTIONS[driver === "" ? "json-file" : driver];
  const unknown = Object.keys(options).find(
    (name) => known?.includes(name) === false && !COMMON_LOG_OPTIONS.includes(name),
  );
  if (unknown !== undefined)
    throw new TsukubeError("invalid", `unknown log opt '${unknown}' for ${driver || "json-file"} log driver`);
}
