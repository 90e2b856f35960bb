import { existsSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";

export interface WrapperReasons {
  /** Version 1 hierarchies with a version 2 mount beside: crun refuses them; with the mount hidden it uses version 1. */
  readonly hybridCgroups: boolean;
  /** There is a busybox, which runs the steps of the script itself: programs of their own would take twice as long. */
  readonly busybox?: boolean;
  /** We run in a chroot: an empty folder to which the root outside is moved for a moment. */
  readonly oldRoot?: string;
}

/**
 * A script to run an OCI runtime in a mount namespace of its own; undefined where none is needed. Mounts stay peers
 * ("unchanged", never slave): what is mounted in a Bidirectional volume must reach the host.
 *
 * In a chroot the root of the mount namespace is another file system than ours, and whoever enters a namespace (setns(2), as for
 * exec) starts at its root: so the folder of the chroot is first made the root, with pivot_root(2).
 */
export function runtimeWrapper(program: string, reasons: WrapperReasons): string | undefined {
  const { hybridCgroups, oldRoot, busybox = false } = reasons;
  if (!hybridCgroups && oldRoot === undefined) return undefined;
  const steps = [
    ...(oldRoot === undefined ? [] : pivotSteps(oldRoot)),
    ...(hybridCgroups ? HIDE_UNIFIED : []),
    `exec ${quote(program)} "$@"`,
  ];
  const shell = busybox ? `${BUSYBOX} sh` : "/bin/sh";
  const enter = oldRoot === undefined ? shell : `nsenter --mount=/proc/self/ns/mnt --wd=/ .${BUSYBOX} sh`;
  return `#!/bin/sh\nexec unshare -m --propagation unchanged ${enter} -c ${quote(steps.join("\n"))} sh "$@"\n`;
}

/** Statically linked: it starts in half a millisecond, and while "/" is still the root outside. */
export const BUSYBOX = "/bin/busybox";

/** Steps of sh. */
export const HIDE_UNIFIED = [
  "mount --make-private /sys/fs/cgroup",
  "mount --make-private /sys/fs/cgroup/unified",
  "umount /sys/fs/cgroup/unified",
];

function pivotSteps(oldRoot: string): readonly string[] {
  const busybox = `.${BUSYBOX}`;
  return [
    "set -e",
    // the new root and its parent must be mounts of their own, the parent not shared
    `here=$(${busybox} pwd -P)`,
    `${busybox} mount --make-private / 2>/dev/null || true`,
    `${busybox} mount --rbind "$here" "$here"`,
    `cd "$here"`,
    `${busybox} mkdir -p .${quote(oldRoot)}`,
    `${busybox} pivot_root . .${quote(oldRoot)}`,
    "cd /",
    `mount --make-rprivate ${quote(oldRoot)}`,
    `umount -l ${quote(oldRoot)}`,
  ];
}

/**
 * Whether "/" of this process is not the root of its mount namespace.
 * @throws {TsukubeError} `unsupported` when it is not and what containers need to run there is missing.
 */
export async function insideChroot(): Promise<boolean> {
  const enter = ["--mount=/proc/self/ns/mnt", "--wd=/", "readlink", "/proc/self/cwd"];
  const { code, stdout } = await run("nsenter", enter, { accept: [0, 1, 126, 127] });
  if (code === 0 && stdout.trim() === "/") return false;
  if (existsSync(BUSYBOX)) return true;
  throw new TsukubeError(
    "unsupported",
    `Cannot run containers in this chroot: ${BUSYBOX} is missing, expected the package busybox-static`,
  );
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
