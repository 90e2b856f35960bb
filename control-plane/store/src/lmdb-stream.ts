import { readdirSync, rmSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { RootDatabase } from "lmdb";

const SUFFIX = ".leaving-";
const PIECE = 256 * 1024;
let count = 0;

/**
 * A copy of an LMDB file at one moment, as bytes, while its process goes on writing. The file itself must not be opened by another process
 * meanwhile: LMDB (lmdb 3.5.6, `mdb_env_open2`) then sets the number of the last transaction back to what the opener read a
 * moment before, and the commits in between are lost.
 */
export async function streamOf(db: RootDatabase<Buffer, Buffer>, path: string): Promise<AsyncIterable<Uint8Array>> {
  count += 1;
  const copy = `${path}${SUFFIX}${count}`;
  try {
    await (db as unknown as { backup(path: string, compact: boolean): Promise<void> }).backup(copy, true);
    const handle = await openHandle(copy, "r");
    return handle.createReadStream({ highWaterMark: PIECE }); // closes the handle
  } finally {
    rmSync(copy, { force: true }); // who has it open reads on
  }
}

/** Removes copies that a process left which ended in between. */
export function removeLeft(path: string): void {
  const start = `${basename(path)}${SUFFIX}`;
  for (const name of readdirSync(dirname(path))) if (name.startsWith(start)) rmSync(join(dirname(path), name));
}
