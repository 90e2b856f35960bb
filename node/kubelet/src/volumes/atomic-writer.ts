import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Random } from "@tsukube/foundation";
import { giveToGroup } from "./ownership.ts";

/** A file of a volume. `path` is relative, "/" separates folders. */
export interface VolumeFile {
  readonly data: Uint8Array;
  readonly mode: number;
  /** Who it belongs to; root by default. */
  readonly uid?: number;
}

/**
 * Shows a set of files in a volume so that readers see the old set or the new one: the files lie in a folder of their own,
 * `..data` points to it, and every name is a link through `..data` (upstream's AtomicWriter).
 * @param group May read all of it (fsGroup).
 * @returns whether anything changed.
 */
export async function writeAtomicVolume(
  folder: string,
  files: ReadonlyMap<string, VolumeFile>,
  random: Random,
  group?: number,
): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  const data = join(folder, "..data");
  const current = await readlink(data).catch(() => undefined);
  if (current !== undefined && (await isSame(join(folder, current), files))) return false;
  await rm(join(folder, "..data_tmp"), { force: true }); // of a write that was interrupted
  const name = `..${Buffer.from(random.bytes(8)).toString("hex")}`;
  for (const [path, { data: content, mode, uid }] of files) {
    const file = join(folder, name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
    if (uid !== undefined) await chown(file, uid, -1);
  }
  await mkdir(join(folder, name), { recursive: true });
  if (group !== undefined) await giveToGroup(join(folder, name), group, { readOnly: true, onlyOnMismatch: false });
  await symlink(name, join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), data);
  await linkNames(folder, new Set([...files.keys()].map((path) => path.split("/")[0] ?? "")));
  if (current !== undefined) await rm(join(folder, current), { recursive: true, force: true });
  return true;
}

async function linkNames(folder: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of names) {
    const link = join(folder, name);
    if ((await lstat(link).catch(() => undefined)) === undefined) await symlink(join("..data", name), link);
  }
  for (const name of await readdir(folder)) {
    if (!name.startsWith("..") && !names.has(name)) await rm(join(folder, name), { force: true });
  }
}

async function isSame(folder: string, files: ReadonlyMap<string, VolumeFile>): Promise<boolean> {
  const present = (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) =>
    entry.isFile(),
  );
  if (present.length !== files.size) return false;
  for (const [path, { data }] of files) {
    const old = await readFile(join(folder, path)).catch(() => undefined);
    if (old === undefined || Buffer.compare(old, data) !== 0) return false;
  }
  return true;
}
