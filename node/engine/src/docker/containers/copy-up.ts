import { existsSync } from "node:fs";
import { chmod, chown, lstat, readdir } from "node:fs/promises";
import { run } from "@tsukube/kernel";
import { rootedPath } from "../../build/rooted-path.ts";
import type { MountPoint } from "./container-record.ts";

/** Volumes that are empty take over what the image has where they are mounted, with owner and mode. */
export async function copyUp(mounts: readonly MountPoint[], rootfs: string): Promise<void> {
  for (const { source, destination } of mounts) {
    const from = rootedPath(rootfs, destination);
    if (!existsSync(from) || !(await lstat(from)).isDirectory()) continue;
    if ((await readdir(source)).length > 0) continue;
    const { uid, gid, mode } = await lstat(from);
    if ((await readdir(from)).length > 0) await run("cp", ["-a", `${from}/.`, source]);
    await chown(source, uid, gid);
    await chmod(source, mode & 0o7777);
  }
}
