import { renameSync, rmSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { open, type RootDatabase } from "lmdb";

export function openFile(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: true,
    keyEncoding: "binary",
    encoding: "binary",
    overlappingSync: false, // otherwise a write resolves before it is on the disk
  });
}

interface Stats {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
  readonly lastPageNumber: number;
}

/** Bytes of the pages that hold something, and of those that do not. */
export function pagesOf(db: RootDatabase<Buffer, Buffer>): { readonly used: number; readonly unused: number } {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages, lastPageNumber } = db.getStats() as Stats;
  const used = treeBranchPageCount + treeLeafPageCount + overflowPages;
  return { used: used * pageSize, unused: Math.max(0, lastPageNumber + 1 - used) * pageSize };
}

/**
 * Copies a file without its unused pages and puts the copy in its place; who reads the file that was there goes on reading that one.
 * Nothing may write meanwhile. @param entries How many there must be. @returns the copy, open.
 */
export async function copyOf(
  db: RootDatabase<Buffer, Buffer>,
  path: string,
  entries: number,
): Promise<RootDatabase<Buffer, Buffer>> {
  const fresh = `${path}.copy`;
  const remove = (): void => {
    for (const file of [fresh, `${fresh}-lock`]) rmSync(file, { force: true });
  };
  remove();
  let copy: RootDatabase<Buffer, Buffer> | undefined;
  try {
    await (db as unknown as { backup(path: string, compact: boolean): Promise<void> }).backup(fresh, true);
    await sync(fresh);
    copy = openFile(fresh);
    const found = copy.getKeysCount();
    if (found !== entries) throw new Error(`the copy has ${found} entries, expected ${entries}`);
    // readers of the old file keep its lock; the new one must not share it, transactions count anew
    renameSync(`${fresh}-lock`, `${path}-lock`);
    renameSync(fresh, path);
    await sync(dirname(path));
    return copy;
  } catch (error) {
    await copy?.close();
    remove();
    throw error;
  }
}

async function sync(path: string): Promise<void> {
  const handle = await openHandle(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
