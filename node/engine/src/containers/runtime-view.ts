import { existsSync, readFileSync } from "node:fs";
import { mountPoints, openMountView } from "@tsukube/kernel";
import { BUSYBOX, HIDE_UNIFIED } from "./runtime-wrapper.ts";

export interface RuntimeView {
  readonly descriptor: number;
  /** What to put before a command that is to run there. */
  readonly enter: readonly string[];
}

/**
 * A mount namespace in which the version 2 hierarchy is hidden, to enter instead of making one for each call of the runtime, which
 * takes twice as long as the call. It has the mounts of now and only those that the runtime works with: others would be busy here
 * when their owners unmount them. So containers are not made there, but all that happens to them later can be asked for there.
 * @param needed Files and folders, besides those of the system.
 */
export async function openRuntimeView(needed: readonly string[]): Promise<RuntimeView> {
  const points = mountPoints(readFileSync("/proc/self/mountinfo", "utf8"));
  const descriptor = await openMountView(HIDE_UNIFIED, unneeded(points, needed));
  const program = existsSync(BUSYBOX) ? [BUSYBOX, "nsenter"] : ["nsenter"];
  return { descriptor, enter: [...program, `--mount=/proc/${process.pid}/fd/${descriptor}`] };
}

const SYSTEM = ["/proc", "/sys", "/dev", "/usr", "/lib", "/lib64", "/bin", "/sbin"];

/** Mount points that nothing needed lies in, deepest first. */
export function unneeded(points: readonly string[], needed: readonly string[]): readonly string[] {
  const isIn = (path: string, folder: string): boolean =>
    folder === "/" || path === folder || path.startsWith(`${folder}/`);
  return points
    .filter((point) => !SYSTEM.some((folder) => isIn(point, folder)) && !needed.some((path) => isIn(path, point)))
    .toReversed();
}
