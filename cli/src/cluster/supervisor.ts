import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "@tsukube/foundation";
import { isAlive, lockHolder, startTimeOf } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { ensureRuntimeFolder } from "./runtime-folder.ts";

/** The long-lived processes of a cluster, the engine where it runs without one, and a registry beside them. */
export type ProcessName = "server" | "node" | "engine" | "registry";

/**
 * Restarts a process when it ends: after 1 s, doubling to 30 s, back to 1 s once it lived for a minute. A shell loop, because it
 * costs 0.3 MB. It ends when its file in the runtime directory no longer names it: `down` removes the file, and a newer
 * supervisor overwrites it. Exit code 64 means that starting again cannot help.
 * Arguments: file of the supervisor, log, program with its arguments.
 */
const LOOP = `
file=$1 log=$2; shift 2
started() { read -r a b c d e f g h i j k l m n o p q r s t u started rest </proc/$$/stat && echo "$started"; } 2>/dev/null
echo "$$ $(started)" >"$file.$$" && mv "$file.$$" "$file"
mine() { read -r pid rest <"$file" 2>/dev/null && [ "$pid" = "$$" ]; }
child=; delay=1
trap 'rm -f "$file"; [ -n "$child" ] && kill "$child" 2>/dev/null; wait; exit 0' TERM INT
while mine; do
  "$@" >>"$log" 2>&1 &
  child=$!
  began=$(date +%s)
  wait "$child"; code=$?
  child=
  mine || exit 0
  [ "$code" = 64 ] && { rm -f "$file"; exit 64; }
  [ $(($(date +%s) - began)) -ge 60 ] && delay=1
  echo "tsukube: the process ended with code $code, starting it again in $delay s" >>"$log"
  sleep "$delay"
  delay=$((delay * 2)); [ "$delay" -gt 30 ] && delay=30
done
`;

/**
 * Takes over what a container's processes leave behind, as process 1 does elsewhere. Where process 1 reaps nobody (npm or node in a container), a
 * zombie of `exec` would keep the container from ending for ever.
 */
const REAPER = "/usr/bin/tini-static";

/** Starts a supervisor in a session of its own; it outlives this process and its terminal. */
export function startSupervisor(paths: ClusterPaths, name: ProcessName, command: readonly string[]): void {
  const files = filesOf(paths);
  ensureRuntimeFolder(paths);
  mkdirSync(files.logs, { recursive: true, mode: 0o700 });
  const log = join(files.logs, `${name}.log`);
  openSync(log, "a", 0o600);
  const reaper = name !== "server" && existsSync(REAPER) ? [REAPER, "-s", "--"] : [];
  const loop = ["/bin/sh", "-c", LOOP, `tsukube-${paths.name}-${name}`, files.supervisor(name), log];
  const [program, ...args] = [...reaper, ...loop, ...command];
  spawn(program!, args, { detached: true, stdio: "ignore", cwd: "/", env: process.env }).unref();
}

/** The live supervisor's pid, or undefined. */
export function supervisorOf(paths: ClusterPaths, name: ProcessName): number | undefined {
  try {
    const [pid = "", startTime = ""] = readFileSync(filesOf(paths).supervisor(name), "utf8").trim().split(" ");
    return isAlive(Number(pid), startTime === "" ? undefined : startTime) ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a process and its supervisor: asks, waits up to `graceMs`, then kills. */
export async function stopProcess(
  paths: ClusterPaths,
  name: ProcessName,
  clock: Clock,
  graceMs = 15_000,
): Promise<void> {
  const files = filesOf(paths);
  const supervisor = supervisorOf(paths, name);
  const holder = lockHolder(files.lock(name));
  rmSync(files.supervisor(name), { force: true }); // the loop sees that it is no longer wanted
  for (const pid of [supervisor, holder?.pid]) {
    if (pid !== undefined) await endProcess(pid, clock, graceMs);
  }
  for (const path of [files.lock(name), files.ready(name)]) rmSync(path, { force: true });
}

async function endProcess(pid: number, clock: Clock, graceMs: number): Promise<void> {
  const startTime = startTimeOf(pid);
  if (!signal(pid, "SIGTERM")) return;
  for (const began = clock.monotonic(); clock.monotonic() - began < graceMs; await clock.sleep(20)) {
    if (!isAlive(pid, startTime)) return;
  }
  signal(pid, "SIGKILL");
  while (isAlive(pid, startTime)) await clock.sleep(20);
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** The folder that holds the running bundle's entry points. */
export function bundleFolder(): string {
  return dirname(process.argv[1] ?? "");
}
