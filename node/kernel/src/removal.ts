import { readdir, rmdir, unlink } from "node:fs/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { type Mounts, mountIdOf, systemMounts } from "./mounts.ts";

/** Unmounts all that is mounted at or below `path`, then removes it as `removeTree` does. */
export async function removeMounted(path: string, mounts: Pick<Mounts, "below" | "unmount">): Promise<void> {
  for (const point of mounts.below(path)) mounts.unmount(point);
  await removeTree(path, mounts);
}

/**
 * Removes a file or a folder with all that is in it, and nothing that is mounted there: not even what was mounted meanwhile. Does
 * nothing when it is not there.
 * @throws {TsukubeError} `in-use` when something is mounted at or below it.
 */
export async function removeTree(path: string, mounts: Pick<Mounts, "below"> = systemMounts): Promise<void> {
  const [point] = mounts.below(path);
  if (point !== undefined) throw inUse(path, point);
  const mount = mountIdOf(path, { follow: false });
  if (mount === undefined) return;
  const empty = async (folder: Buffer): Promise<void> => {
    if (mountIdOf(folder, { follow: false }) !== mount) throw inUse(path, folder.toString());
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
      const child = Buffer.concat([folder, SEPARATOR, entry.name]); // names need not be UTF-8
      if (!entry.isDirectory()) await unlink(child).catch(unlessGone);
      else await empty(child).catch(unlessGone);
    }
    await rmdir(folder);
  };
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== "EISDIR" && codeOf(error) !== "EPERM") return unlessGone(error);
    return empty(Buffer.from(path)).catch(unlessGone);
  });
}

const SEPARATOR = Buffer.from("/");

function unlessGone(error: unknown): void {
  if (codeOf(error) !== "ENOENT") throw error;
}

function inUse(path: string, point: string): TsukubeError {
  return new TsukubeError(
    "in-use",
    `Cannot remove "${path}": "${point}" is mounted, expected nothing to be; unmount it, it keeps what is in it`,
  );
}
