import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { isAlive, run, startTimeOf } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { ensureRuntimeFolder } from "./runtime-folder.ts";

/** Where an engine that is not started by root is root: namespaces of users and mounts that its containers share with it. */
export interface UserNamespace {
  /** What to put before a command that is to run there. */
  readonly enter: readonly string[];
  readonly ids: "many-ids" | "one-id";
  /** Where who enters writes its pid before, to be in the control group of this engine; empty where none is delegated to it. */
  readonly groups: readonly string[];
}

const START_MS = 5000;
const END_MS = 5000;
const LOOK_MS = 5;

/** The one of this engine's containers; undefined where none runs. */
function foundUserNamespace(paths: ClusterPaths): UserNamespace | undefined {
  const pid = holders(paths).find((each) => isElsewhere(each, "user"));
  return pid === undefined ? undefined : within(pid, recorded(paths).groups);
}

/** The same, made if there is none. @throws {TsukubeError} `unsupported` where the kernel refuses it. */
export async function userNamespaceOf(paths: ClusterPaths, clock: Clock): Promise<UserNamespace> {
  const found = foundUserNamespace(paths);
  if (found !== undefined) return found;
  ensureRuntimeFolder(paths);
  const { delegateCgroups } = await import("@tsukube/kernel");
  const delegated = await delegateCgroups(`tsukube-${paths.name}`);
  const made = ["--user", "--mount", ...(delegated === undefined ? [] : ["--cgroup"])];
  const script = 'n=$1; shift; while [ $n -gt 0 ]; do echo $$ >"$1"; shift; n=$((n - 1)); done; exec "$@"';
  const { entries = [], innerEntries = [] } = delegated ?? {};
  const words = [String(entries.length), ...entries, "unshare", ...made, "sleep", "infinity"];
  const child = spawn("sh", ["-ec", script, "sh", ...words], { detached: true, stdio: "ignore" });
  const pid = await madeBy(child, clock);
  try {
    await giveIds(pid);
    // groups that are not ours to change stand there; programs that look are to find none of them
    const mounts = ["mount -t tmpfs tmpfs /sys/fs/cgroup", ...(delegated?.mounts ?? [])];
    await run("nsenter", [...entering(pid), "sh", "-ec", mounts.join("\n")]);
    await delegated?.divide();
    const record = [`${pid} ${startTimeOf(pid) ?? ""}`, ...innerEntries].join("\n");
    writeFileSync(filesOf(paths).userNamespace, `${record}\n`, { mode: 0o600 });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  child.unref();
  return within(pid, innerEntries);
}

/** Moves this process, and what it starts, into the control group of an engine. @throws {TsukubeError} `unsupported`. */
export function joinGroups({ groups }: UserNamespace): void {
  for (const entry of groups) {
    try {
      writeFileSync(entry, String(process.pid));
    } catch (cause) {
      throw new TsukubeError(
        "unsupported",
        `Cannot start the engine: its containers are in control group "${dirname(entry)}", which this process may not enter from its own (${messageOf(cause)}), expected one that is delegated to the same user; start it with "systemd-run --user --scope", or end its containers with "tsukube down"`,
        { cause },
      );
    }
  }
}

/** @returns what ends its holder, and removes its control group: nothing may run there any more. */
export function holderOf(paths: ClusterPaths, clock: Clock): () => Promise<void> {
  const { pid, groups } = recorded(paths);
  return async () => {
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    const { removeDelegated } = await import("@tsukube/kernel");
    for (const until = clock.monotonic() + END_MS; ; await clock.sleep(LOOK_MS)) {
      try {
        return await removeDelegated(groups);
      } catch (error) {
        if (codeOf(error) !== "EBUSY" || clock.monotonic() > until) throw error; // what is killed takes its time
      }
    }
  };
}

/** Its holder; where that was killed, the monitors of containers are still there. */
function holders(paths: ClusterPaths): readonly number[] {
  const bundles = join(paths.runtime, "engine/docker/bundles");
  const ids = existsSync(bundles) ? readdirSync(bundles) : [];
  const { pid } = recorded(paths);
  return [...(pid === undefined ? [] : [pid]), ...ids.flatMap((id) => monitorOf(join(bundles, id)))];
}

/** The holder while it lives, and the groups that it was made with. */
function recorded(paths: ClusterPaths): { readonly pid?: number; readonly groups: readonly string[] } {
  const file = filesOf(paths).userNamespace;
  const [holder = "", ...groups] = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const [pid = "", startTime = ""] = holder.split(" ");
  return { ...(isAlive(Number(pid), startTime) ? { pid: Number(pid) } : {}), groups };
}

/** The pid that was noted of a monitor may be that of another process by now. */
function monitorOf(bundle: string): readonly number[] {
  try {
    const pid = Number(readFileSync(join(bundle, "conmon.pid"), "utf8"));
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return basename(program) === "conmon" && args.includes(basename(bundle)) ? [pid] : [];
  } catch {
    return []; // it has made no process, or that is gone
  }
}

function isElsewhere(pid: number, kind: "user" | "cgroup"): boolean {
  const own = namespaceOf("self", kind);
  const other = namespaceOf(String(pid), kind);
  return other !== undefined && other !== own;
}

function namespaceOf(pid: string, kind: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined; // it is gone, or another user's
  }
}

function within(pid: number, groups: readonly string[]): UserNamespace {
  const lines = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split("\n");
  return { enter: ["nsenter", ...entering(pid)], ids: lines.length > 1 ? "many-ids" : "one-id", groups };
}

function entering(pid: number): readonly string[] {
  const groups = isElsewhere(pid, "cgroup") ? ["--cgroup"] : [];
  return ["--target", String(pid), "--user", "--mount", ...groups, "--preserve-credentials", "--"];
}

async function madeBy(child: ChildProcess, clock: Clock): Promise<number> {
  let isOver = false;
  for (const event of ["error", "exit"]) child.once(event, () => (isOver = true));
  for (const began = clock.monotonic(); !isOver && clock.monotonic() - began < START_MS; await clock.sleep(LOOK_MS))
    if (child.pid !== undefined && isElsewhere(child.pid, "user")) return child.pid;
  child.kill("SIGKILL");
  throw new TsukubeError(
    "unsupported",
    "Cannot start an engine without root: the kernel refuses a namespace of users, expected sysctl user.max_user_namespaces above 0, and kernel.unprivileged_userns_clone and AppArmor to allow it; or start it with sudo",
  );
}

/** Those that the machine keeps for this user (subuid(5)), beside its own as root's; else only that one. */
async function giveIds(pid: number): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const name = (await run("id", ["-un"], { accept: [0, 1] })).stdout.trim();
  const [users, groups] = ["/etc/subuid", "/etc/subgid"].map((file) => subordinate(file, [name, String(uid)]));
  if (users !== undefined && groups !== undefined && existsSync("/usr/bin/newuidmap")) {
    await run("newuidmap", [String(pid), "0", String(uid), "1", "1", ...users]);
    await run("newgidmap", [String(pid), "0", String(gid), "1", "1", ...groups]);
    return;
  }
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} 1\n`);
  writeFileSync(`/proc/${pid}/setgroups`, "deny");
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} 1\n`);
}

/** First id and count of a user's line. */
function subordinate(file: string, names: readonly string[]): readonly string[] | undefined {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const [, ...range] = lines.map((line) => line.split(":")).find(([name = ""]) => names.includes(name)) ?? [];
  return range.length === 2 ? range : undefined;
}
