import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import { check, libc } from "./libc.ts";
import { type Mounts, systemMounts } from "./mounts.ts";
import { run, startProgram } from "./programs.ts";

export type NamespaceKind = "net" | "ipc" | "uts" | "user";

/** Ids of a user namespace and whose they are outside (user_namespaces(7)). */
export interface IdMapping {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
}

/** Namespaces held by a bind mount on a file, without a process in them. */
export interface Namespaces {
  /**
   * Makes namespaces and pins each at the path given (a file that must not exist yet), then runs `script` with sh inside
   * them: the way to set a host name or sysctls. About 4 ms. Where one of users is among them it owns the others: who is root
   * there may mount and configure what belongs to them.
   * @param ids Of users and of groups alike, in the namespace of users.
   */
  pin(
    paths: Readonly<Partial<Record<NamespaceKind, string>>>,
    script: string,
    ids?: readonly IdMapping[],
  ): Promise<void>;
  /** Releases a pinned namespace; does nothing when there is none. */
  unpin(path: string): void;
  /**
   * Runs `work` with the calling thread in a network namespace. Synchronous on purpose: no other JavaScript can run
   * meanwhile, and a socket made there stays in that namespace for good.
   */
  within<T>(netns: string, work: () => T): T;
}

const SETNS = "int setns(int fd, int type)";
const CLONE_NEWNET = 0x40000000;

export function systemNamespaces(mounts: Mounts = systemMounts): Namespaces {
  return {
    async pin(paths, script, ids = []) {
      const entries = Object.entries(paths);
      for (const [, path] of entries) writeFileSync(path, "", { flag: "wx" });
      if (paths.user !== undefined) return pinWithUsers(entries, script, ids, mounts);
      await run("unshare", [...entries.map(([kind, path]) => `--${kind}=${path}`), "sh", "-euc", script]);
    },
    unpin(path) {
      mounts.unmount(path);
      rmSync(path, { force: true });
    },
    within(netns, work) {
      const home = openSync("/proc/thread-self/ns/net", "r");
      const there = openSync(netns, "r");
      try {
        check(libc(SETNS)(there, CLONE_NEWNET), `enter the network namespace "${netns}"`);
        try {
          return work();
        } finally {
          leave(home);
        }
      } finally {
        closeSync(there);
        closeSync(home);
      }
    },
  };
}

/** The ids can only be given from outside, and to a process that is inside: one that waits there until all is pinned. */
async function pinWithUsers(
  entries: readonly (readonly [string, string])[],
  script: string,
  ids: readonly IdMapping[],
  mounts: Mounts,
): Promise<void> {
  const kinds = entries.map(([kind]) => `--${kind}`);
  const waiter = await startProgram("unshare", [...kinds, "cat"], { descriptors: ["input", "output", "null"] });
  const input = waiter.inputs.get(0) as Writable;
  const output = waiter.outputs.get(1) as Readable;
  input.on("error", () => {}); // it may end at once
  try {
    input.write(".");
    if (!(await hasData(output)))
      throw new TsukubeError(
        "no-user-namespaces",
        "Cannot make a namespace of users: the kernel refuses it, expected one that allows it (user.max_user_namespaces) and no chroot",
      );
    const map = ids.map(({ inside, outside, length }) => `${inside} ${outside} ${length}\n`).join("");
    writeFileSync(`/proc/${waiter.pid}/uid_map`, map);
    writeFileSync(`/proc/${waiter.pid}/gid_map`, map);
    for (const [kind, path] of entries) mounts.bind(`/proc/${waiter.pid}/ns/${kind}`, path);
  } finally {
    input.end();
    output.resume();
    await waiter.ended();
  }
  // as root outside, who may do everything inside as well
  const others = entries.filter(([kind]) => kind !== "user").map(([kind, path]) => `--${kind}=${path}`);
  if (others.length > 0) await run("nsenter", [...others, "sh", "-euc", script]);
}

/** False when it ends without any. */
function hasData(stream: Readable): Promise<boolean> {
  return new Promise((resolve) => {
    stream.once("data", () => resolve(true));
    stream.once("close", () => resolve(false));
  });
}

/** A process that stays in a pod's namespace would serve the wrong network: it must not go on. */
function leave(home: number): void {
  try {
    check(libc(SETNS)(home, CLONE_NEWNET), "return to the host's network namespace");
  } catch (cause) {
    process.emitWarning(new TsukubeError("wrong-namespace", "Cannot go on in a pod's network namespace", { cause }));
    process.abort();
  }
}
