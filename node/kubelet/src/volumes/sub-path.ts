import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync, realpathSync, statSync } from "node:fs";
import { lstat, mkdir, rmdir, unlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { type Mounts, O_PATH } from "@tsukube/kernel";

/**
 * Shows a part of a volume at a place that containers cannot change, made if it is missing. Containers own the volume: they
 * could lead a path out of it by a link, also between the check and the mount. So links are resolved first, and what they
 * come to is opened name by name following none; that descriptor is what is mounted (CVE-2017-1002101).
 * @param target Where to; what is mounted there is taken away first.
 * @returns `target`.
 * @throws {TsukubeError} `volume` for a path that leaves the volume.
 */
export async function bindSubPath(volume: string, subPath: string, target: string, mounts: Mounts): Promise<string> {
  const found = openBelow(volume, subPath);
  try {
    mounts.unmount(target);
    await makeMountPoint(target, fstatSync(found).isDirectory());
    mounts.bind(`/proc/self/fd/${found}`, target, { recursive: true });
  } finally {
    closeSync(found);
  }
  return target;
}

/**
 * A descriptor of the path below `root`. Folders that are missing are made with the mode of `root`, so that whoever may write
 * to the volume may write there.
 */
export function openBelow(root: string, subPath: string): number {
  const names = subPath.split("/").filter((name) => name !== "" && name !== ".");
  if (subPath.startsWith("/") || names.includes(".."))
    throw new TsukubeError("volume", `subPath "${subPath}" must be relative and must not contain ".."`);
  const realRoot = realpathSync(root);
  const real = relative(realRoot, resolved(realRoot, names)).split("/");
  if (real[0] === "..")
    throw new TsukubeError("volume", `subPath "${subPath}" leads out of the volume, expected a path within it`);
  const mode = statSync(realRoot).mode & 0o7777;
  let current = openSync(realRoot, O_PATH | constants.O_NOFOLLOW);
  for (const name of real.filter((each) => each !== "")) {
    const parent = current;
    try {
      current = openOrMake(`/proc/self/fd/${parent}/${name}`, mode);
    } finally {
      closeSync(parent);
    }
    if (!fstatSync(current).isSymbolicLink()) continue;
    closeSync(current);
    throw new TsukubeError("volume", `subPath "${subPath}" cannot be opened: "${name}" is a link that leads nowhere`);
  }
  return current;
}

/** The path with its links resolved; what does not exist yet stays as it is written. */
function resolved(realRoot: string, names: readonly string[]): string {
  if (names.length === 0) return realRoot;
  try {
    return realpathSync(join(realRoot, ...names));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return join(resolved(realRoot, names.slice(0, -1)), names.at(-1) ?? "");
  }
}

function openOrMake(path: string, mode: number): number {
  try {
    return openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  mkdirSync(path);
  const made = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    fchmodSync(made, mode); // mkdir's mode is cut by the umask
  } catch (error) {
    closeSync(made);
    throw error;
  }
  return made;
}

/** Never removes what has something in it: that would not be ours. */
async function makeMountPoint(path: string, isFolder: boolean): Promise<void> {
  const present = await lstat(path).catch(() => undefined);
  if (present?.isDirectory() === true) await rmdir(path);
  else if (present !== undefined) await unlink(path);
  await mkdir(isFolder ? path : dirname(path), { recursive: true });
  if (!isFolder) await writeFile(path, "");
}
