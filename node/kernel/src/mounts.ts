import { closeSync, constants, openSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { check, libc } from "./libc.ts";
import { O_PATH } from "./places.ts";

/** Mount flags of mount(2). */
export const MOUNT_FLAGS = {
  readonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  synchronous: 16,
  remount: 32,
  mandatoryLocks: 64,
  dirsync: 128,
  nosymfollow: 256,
  noatime: 1024,
  nodiratime: 2048,
  bind: 4096,
  recursive: 16384,
  silent: 32768,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
  iversion: 1 << 23,
  strictatime: 1 << 24,
  lazytime: 1 << 25,
} as const;

export interface OverlayLayers {
  /** Uppermost first. At least one. */
  readonly lower: readonly string[];
  /** Without it the mount is read-only. */
  readonly upper?: string;
  readonly work?: string;
}

/** Mounts in the namespace of this process. Calls are synchronous: each takes well below a millisecond. */
export interface Mounts {
  /** mount(2). @throws with the errno's name as `code`. */
  mount(source: string, target: string, type: string, flags: number, data: string): void;
  bind(source: string, target: string, options?: { readonly readonly?: boolean; readonly recursive?: boolean }): void;
  /** The same, with what is mounted below `source`, at the place that a descriptor names: links cannot lead it elsewhere. */
  bindAt(source: string, place: number, options?: { readonly readonly?: boolean }): void;
  overlay(target: string, layers: OverlayLayers): void;
  /**
   * Shows `source` and what is mounted below it at `target`, a file or a folder as it is, with other owners: what belongs to a user
   * of the namespace `users` there, belongs to who that is outside (mount_setattr(2), "ID-mapped mounts").
   * @param users A pinned namespace of users. @throws `EINVAL` where the file system cannot.
   */
  idmap(source: string, target: string, users: string): void;
  tmpfs(target: string, options: { readonly sizeBytes?: number; readonly mode?: string }): void;
  /** Changes the propagation of a mount point and of what is below it. */
  propagate(target: string, kind: "shared" | "slave" | "private"): void;
  /** Detaches everything mounted at `target`, however often; does nothing when nothing is. */
  unmount(target: string): void;
  isMounted(target: string): boolean;
  /** Mount points equal to or below `prefix`, through links in it too, deepest first: the order to unmount in. */
  below(prefix: string): readonly string[];
}

const MOUNT =
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)";
const UMOUNT = "int umount2(const char *target, int flags)";
/** By number, the same on every machine: C libraries before glibc 2.36 have no functions for them. */
const SYSCALLS = { openTree: 428, moveMount: 429, mountSetattr: 442 } as const;
const OPEN_TREE = "long syscall(long number, int fd, const char *path, unsigned int flags)";
const MOUNT_SETATTR =
  "long syscall(long number, int fd, const char *path, unsigned int flags, uint8_t *attributes, unsigned long size)";
const MOVE_MOUNT =
  "long syscall(long number, int from, const char *path, int to, const char *target, unsigned int flags)";
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const DETACH = 2;
/** mount(2) reads at most one page of options. */
const MAX_OPTIONS = 4095;

/** The kernel's mounts. */
export const systemMounts: Mounts = {
  mount(source, target, type, flags, data) {
    check(libc(MOUNT)(source, target, type, flags, data), `mount "${target}" (${type || "flags"} of ${source})`);
  },
  bind(source, target, options = {}) {
    const recursive = options.recursive === true ? MOUNT_FLAGS.recursive : 0;
    systemMounts.mount(source, target, "", MOUNT_FLAGS.bind | recursive, "");
    if (options.readonly !== true) return;
    systemMounts.mount("", target, "", MOUNT_FLAGS.bind | MOUNT_FLAGS.remount | MOUNT_FLAGS.readonly, "");
  },
  bindAt(source, place, options = {}) {
    const attributes = options.readonly === true ? { set: MOUNT_ATTR_RDONLY } : undefined;
    attach(source, attributes, { place });
  },
  overlay(target, layers) {
    const data = overlayOptions(layers);
    systemMounts.mount("overlay", target, "overlay", 0, data);
  },
  idmap(source, target, users) {
    const namespace = openSync(users, "r");
    try {
      attach(source, { set: MOUNT_ATTR_IDMAP, users: namespace }, target);
    } finally {
      closeSync(namespace);
    }
  },
  tmpfs(target, options) {
    const size = options.sizeBytes === undefined ? [] : [`size=${options.sizeBytes}`];
    const flags = MOUNT_FLAGS.nosuid | MOUNT_FLAGS.nodev;
    systemMounts.mount("tmpfs", target, "tmpfs", flags, [`mode=${options.mode ?? "0755"}`, ...size].join(","));
  },
  propagate(target, kind) {
    systemMounts.mount("", target, "", MOUNT_FLAGS[kind] | MOUNT_FLAGS.recursive, "");
  },
  unmount(target) {
    for (;;) {
      try {
        check(libc(UMOUNT)(target, DETACH), `unmount "${target}"`);
      } catch (error) {
        if (codeOf(error) === "EINVAL" || codeOf(error) === "ENOENT") return; // nothing is mounted there any more
        throw error;
      }
    }
  },
  isMounted(target) {
    const mount = mountIdOf(target);
    return mount !== undefined && mount !== mountIdOf(dirname(target));
  },
  below(prefix) {
    const real = realPath(resolve(prefix)); // the kernel knows no links
    const points = mountPoints(readFileSync("/proc/self/mountinfo", "utf8"));
    return points
      .filter((point) => `${point}/`.startsWith(real === "/" ? real : `${real}/`))
      .map((point) => join(prefix, point.slice(real.length)))
      .reverse();
  },
};

/** Mounts in a namespace that belongs to one of users (user_namespaces(7)): the kernel allows less there, and otherwise. */
export const userMounts: Mounts = {
  ...systemMounts,
  bind(source, target, options = {}) {
    if (options.readonly !== true) return systemMounts.bind(source, target, options);
    attach(source, { set: MOUNT_ATTR_RDONLY }, target); // a remount would have to name flags of the source that may not be lost
  },
  overlay(target, layers) {
    systemMounts.mount("overlay", target, "overlay", 0, `${overlayOptions(layers)},userxattr`);
  },
};

/** Attaches a copy of the mounts at and below `source` (open_tree(2)), changed before anybody sees it. */
function attach(
  source: string,
  change: { readonly set: bigint; readonly users?: number } | undefined,
  target: string | { readonly place: number },
): void {
  const action = `show "${source}" at ${typeof target === "string" ? `"${target}"` : "a place"}`;
  const tree = check(
    Number(libc(OPEN_TREE)(SYSCALLS.openTree, AT_FDCWD, source, OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE)),
    action,
  );
  try {
    if (change !== undefined) {
      // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
      const attributes = new Uint8Array(new BigUint64Array([change.set, 0n, 0n, BigInt(change.users ?? 0)]).buffer);
      check(
        Number(
          libc(MOUNT_SETATTR)(
            SYSCALLS.mountSetattr,
            tree,
            "",
            AT_EMPTY_PATH | AT_RECURSIVE,
            attributes,
            attributes.length,
          ),
        ),
        action,
      );
    }
    const [to, path, flags] =
      typeof target === "string" ? [AT_FDCWD, target, 0] : [target.place, "", MOVE_MOUNT_T_EMPTY_PATH];
    check(Number(libc(MOVE_MOUNT)(SYSCALLS.moveMount, tree, "", to, path, MOVE_MOUNT_F_EMPTY_PATH | flags)), action);
  } finally {
    closeSync(tree);
  }
}

/** A path without links, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    return join(realPath(dirname(path)), basename(path));
  }
}

/** The mount that a path lies in (proc(5), fdinfo): the whole table takes milliseconds where there are hundreds. */
export function mountIdOf(path: string | Buffer, { follow = true } = {}): string | undefined {
  let place: number;
  try {
    place = openSync(path, O_PATH | (follow ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    return mountIdAt(place);
  } finally {
    closeSync(place);
  }
}

/** The same of a descriptor. */
export function mountIdAt(place: number): string | undefined {
  return /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${place}`, "utf8"))?.[1];
}

/** Options of an overlay mount. @throws {TsukubeError} `too-many-layers` when they exceed the page that mount(2) reads. */
export function overlayOptions(layers: OverlayLayers): string {
  const parts = [`lowerdir=${layers.lower.map(escapeOption).join(":")}`];
  if (layers.upper !== undefined && layers.work !== undefined) {
    parts.push(`upperdir=${escapeOption(layers.upper)}`, `workdir=${escapeOption(layers.work)}`);
  }
  const data = parts.join(",");
  if (data.length > MAX_OPTIONS) {
    throw new TsukubeError(
      "too-many-layers",
      `Cannot mount an overlay of ${layers.lower.length} layers: ${data.length} bytes of options, expected at most ${MAX_OPTIONS}`,
    );
  }
  return data;
}

/** Overlay splits at commas and colons unless they follow a backslash. */
function escapeOption(path: string): string {
  return path.replace(/[\\,:]/g, "\\$&");
}

/** Mount points of a mountinfo file in mount order (proc(5); octal escapes undone). */
export function mountPoints(mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8))),
    );
}
