import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { deviceNumbers } from "@tsukube/kernel";
import type { ContainerConfig } from "@tsukube/node-contracts/cri";

/** A device node in a container (OCI runtime spec, config-linux.md, devices), and what may be done with it. */
export interface DeviceNode {
  readonly type: "c" | "b";
  readonly path: string;
  /** Its path on the machine. */
  readonly hostPath: string;
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
  /** Any of r, w, m (mknod). */
  readonly access: string;
}

/** Devices that a container asks for; a privileged one has all of the host. @throws {TsukubeError} `failed`. */
export function devicesOf(config: ContainerConfig): readonly DeviceNode[] {
  const asked = (config.devices ?? []).flatMap(({ hostPath = "", containerPath, permissions }) =>
    devicesAt(hostPath, containerPath || hostPath, permissions || "rwm"),
  );
  const isPrivileged = config.linux?.securityContext?.privileged === true;
  const taken = new Set(asked.map(({ path }) => path));
  return isPrivileged ? [...asked, ...below("/dev", "/dev", "rwm").filter(({ path }) => !taken.has(path))] : asked;
}

function devicesAt(hostPath: string, path: string, access: string): readonly DeviceNode[] {
  const found = statSync(hostPath, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return below(hostPath, path, access);
  const device = found && nodeOf(found, hostPath, path, access);
  if (device !== undefined) return [device];
  throw new TsukubeError(
    "failed",
    `Cannot give device "${hostPath}": error gathering device information while adding custom device "${hostPath}": no such file or directory`,
  );
}

/** What a container has of its own under these names, or what is no device of the machine. */
const OWN = new Set(["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"]);

function below(folder: string, path: string, access: string): readonly DeviceNode[] {
  return entriesOf(folder).flatMap((entry): readonly DeviceNode[] => {
    const [from, to] = [join(folder, entry.name), join(path, entry.name)];
    if (OWN.has(entry.name)) return [];
    if (entry.isDirectory()) return below(from, to, access);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const found = statSync(from, { throwIfNoEntry: false });
    const device = found && nodeOf(found, from, to, access);
    return device === undefined ? [] : [device];
  });
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // a device may go while we look
  }
}

function nodeOf(found: Stats, hostPath: string, path: string, access: string): DeviceNode | undefined {
  const type = found.isCharacterDevice() ? "c" : found.isBlockDevice() ? "b" : undefined;
  if (type === undefined) return undefined;
  const { major, minor } = deviceNumbers(found.rdev);
  return { type, path, hostPath, major, minor, fileMode: found.mode & 0o7777, uid: found.uid, gid: found.gid, access };
}
