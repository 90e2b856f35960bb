import type { Stats } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";

type Check = readonly [what: string, (found: Stats) => boolean];

const DIRECTORY: Check = ["a directory", (found) => found.isDirectory()];
const FILE: Check = ["a file", (found) => found.isFile()];
const CHECKS: Readonly<Record<string, Check>> = {
  Directory: DIRECTORY,
  DirectoryOrCreate: DIRECTORY,
  File: FILE,
  FileOrCreate: FILE,
  Socket: ["a socket file", (found) => found.isSocket()],
  CharDevice: ["a character device", (found) => found.isCharacterDevice()],
  BlockDevice: ["a block device", (found) => found.isBlockDevice()],
};

/**
 * The path of a hostPath volume, checked and where `type` says so made (0755, files 0644). Without a type a missing path
 * becomes a folder, as runtimes make the source of a mount.
 * @throws {TsukubeError} `volume` when something else is there.
 */
export async function hostPath(path: string, type: string): Promise<string> {
  const found = await statIfPresent(path);
  if (found === undefined && (type === "" || type === "DirectoryOrCreate"))
    await mkdir(path, { recursive: true, mode: 0o755 });
  if (found === undefined && type === "FileOrCreate") await writeFile(path, "", { mode: 0o644, flag: "a" });
  const check = CHECKS[type];
  if (check === undefined) return path;
  const [what, isRight] = check;
  const now = found ?? (await statIfPresent(path));
  if (now === undefined || !isRight(now))
    throw new TsukubeError("volume", `hostPath type check failed: ${path} is not ${what}`);
  return path;
}

async function statIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
