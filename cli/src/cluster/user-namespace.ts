import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import { isAlive, run, startTimeOf } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { ensureRuntimeFolder } from "./runtime-folder.ts";

/** Where an engine that is not started by root is root: namespaces of users and mounts that its containers share with it. */
export interface UserNamespace {
  /** What to put before a command that is to run there. */
  readonly enter: readonly string[];
  readonly ids: "many-ids" | "one-id";
}

const START_MS = 5000;
const LOOK_MS = 5;

/** The one of this engine's containers; undefined where none runs. */
function foundUserNamespace(paths: ClusterPaths): UserNamespace | undefined {
  const pid = holders(paths).find((each) => isThere(each));
  return pid === undefined ? undefined : within(pid);
}

/** The same, made if there is none. @throws {TsukubeError} `unsupported` where the kernel refuses it. */
export async function userNamespaceOf(paths: ClusterPaths, clock: Clock): Promise<UserNamespace> {
  const found = foundUserNamespace(paths);
  if (found !== undefined) return found;
  ensureRuntimeFolder(paths);
  const child = spawn("unshare", ["--user", "--mount", "sleep", "infinity"], { detached: true, stdio: "ignore" });
  const pid = await madeBy(child, clock);
  try {
    await giveIds(pid);
    // groups that are not ours to change stand there; programs that look are to find none
    await run("nsenter", [...entering(pid), "mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup"]);
    writeFileSync(filesOf(paths).userNamespace, `${pid} ${startTimeOf(pid) ?? ""}\n`, { mode: 0o600 });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  child.unref();
  return within(pid);
}

/** @returns what ends its holder: nothing may run there any more. */
export function holderOf(paths: ClusterPaths): () => void {
  const [pid] = recorded(paths);
  return () => void (pid !== undefined && process.kill(pid, "SIGKILL"));
}

/** Its holder; where that was killed, the monitors of containers are still there. */
function holders(paths: ClusterPaths): readonly number[] {
  const bundles = join(paths.runtime, "engine/docker/bundles");
  const ids = existsSync(bundles) ? readdirSync(bundles) : [];
  return [...recorded(paths), ...ids.flatMap((id) => monitorOf(join(bundles, id)))];
}

function recorded(paths: ClusterPaths): readonly number[] {
  const file = filesOf(paths).userNamespace;
  const [pid = "", startTime = ""] = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  return isAlive(Number(pid), startTime) ? [Number(pid)] : [];
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

function isThere(pid: number): boolean {
  const own = userNamespaceFrom("self");
  const other = userNamespaceFrom(String(pid));
  return other !== undefined && other !== own;
}

function userNamespaceFrom(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    return undefined; // it is gone, or another user's
  }
}

function within(pid: number): UserNamespace {
  const lines = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split("\n");
  return { enter: ["nsenter", ...entering(pid)], ids: lines.length > 1 ? "many-ids" : "one-id" };
}

function entering(pid: number): readonly string[] {
  return ["--target", String(pid), "--user", "--mount", "--preserve-credentials", "--"];
}

async function madeBy(child: ChildProcess, clock: Clock): Promise<number> {
  let isOver = false;
  for (const event of ["error", "exit"]) child.once(event, () => (isOver = true));
  for (const began = clock.monotonic(); !isOver && clock.monotonic() - began < START_MS; await clock.sleep(LOOK_MS))
    if (child.pid !== undefined && isThere(child.pid)) return child.pid;
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
