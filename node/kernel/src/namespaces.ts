import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { check, libc } from "./libc.ts";
import { type Mounts, systemMounts } from "./mounts.ts";
import { run } from "./programs.ts";

export type NamespaceKind = "net" | "ipc" | "uts";

/** Namespaces held by a bind mount on a file, without a process in them. */
export interface Namespaces {
  /**
   * Makes namespaces and pins each at the path given (a file that must not exist yet), then runs `script` with sh inside
   * them: the way to set a host name or sysctls. About 4 ms.
   */
  pin(paths: Readonly<Partial<Record<NamespaceKind, string>>>, script: string): Promise<void>;
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
    async pin(paths, script) {
      const entries = Object.entries(paths);
      for (const [, path] of entries) writeFileSync(path, "", { flag: "wx" });
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

/** A process that stays in a pod's namespace would serve the wrong network: it must not go on. */
function leave(home: number): void {
  try {
    check(libc(SETNS)(home, CLONE_NEWNET), "return to the host's network namespace");
  } catch (cause) {
    process.emitWarning(new TsukubeError("wrong-namespace", "Cannot go on in a pod's network namespace", { cause }));
    process.abort();
  }
}
