import { constants, createWriteStream, type Stats } from "node:fs";
import { lstat, open, realpath, rename, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { removeAbandoned } from "@tsukube/host";
import { withTemporary } from "./with-temporary.ts";

/** Names of what is open already: of a file that a shell redirects to, it is not the file that is meant to be replaced. */
const OPENED = /^\/(dev\/(fd\/|std)|proc\/)/;

/** @param file undefined for the standard output. @throws {TsukubeError} `usage` where that is a terminal. */
export function refuseTerminal(file: string | undefined): void {
  if (file === undefined && process.stdout.isTTY === true)
    throw new TsukubeError("usage", "Cannot write an archive to a terminal: expected -o FILE, or a pipe");
}

/**
 * A file, or the one that a symbolic link leads to, has the whole archive or what it had before, also where this is interrupted; what is
 * no regular file (a device, a FIFO) is written to as it is, and so is a file that is a mount point or whose folder takes no other.
 * @param file undefined for the standard output. @throws {TsukubeError} `failed` where it cannot be written.
 */
export async function writeArchive(archive: Readable, file: string | undefined): Promise<void> {
  if (file === undefined) return pipeline(archive, process.stdout, { end: false });
  const found = await stat(file).catch(() => undefined);
  const isNew = found === undefined && (await lstat(file).catch(() => undefined)) === undefined; // else a link to what is not there yet
  if (OPENED.test(resolve(file)) || !(isNew || found?.isFile())) return pipeline(archive, createWriteStream(file));
  return replace(archive, isNew ? resolve(file) : await realpath(file), found);
}

/** Bytes of a name that leave room for what a temporary file's name has besides; a file system takes 255. */
const STEM_BYTES = 220;

/** The kernel's library is not loaded for commands that do without. */
async function isMounted(file: string): Promise<boolean> {
  const { systemMounts } = await import("@tsukube/kernel");
  return systemMounts.isMounted(file);
}

async function replace(archive: Readable, file: string, before: Stats | undefined): Promise<void> {
  if (before !== undefined && (await isMounted(file))) return overwrite(archive, file);
  const stem = Buffer.from(basename(file))
    .subarray(0, STEM_BYTES)
    .toString()
    .replace(/\uFFFD$/, "");
  await removeAbandoned(dirname(file), stem);
  const temporary = join(dirname(file), `.${stem}.${process.pid}.tmp`);
  await withTemporary(temporary, async () => {
    const output = await open(temporary, "wx").catch((cause: unknown) => {
      const isClosed = ["EACCES", "EPERM", "EROFS"].includes(codeOf(cause) ?? "");
      return before !== undefined && isClosed ? undefined : failed(file, cause);
    });
    if (output === undefined) return overwrite(archive, file);
    if (before !== undefined) {
      await output.chown(before.uid, before.gid).catch(() => {}); // only root gives files away
      await output.chmod(before.mode & 0o777);
    }
    await pipeline(archive, output.createWriteStream({ flush: true }));
    await rename(temporary, file);
  });
}

async function overwrite(archive: Readable, file: string): Promise<void> {
  const { O_WRONLY, O_TRUNC } = constants;
  const output = await open(file, O_WRONLY | O_TRUNC).catch((cause: unknown) => failed(file, cause));
  await pipeline(archive, output.createWriteStream({ flush: true }));
}

function failed(file: string, cause: unknown): never {
  throw new TsukubeError("failed", `Cannot write "${file}": ${messageOf(cause)}`, { cause });
}
