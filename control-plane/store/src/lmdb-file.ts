import { renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { open as openLmdb, type RootDatabase } from "lmdb";
import type { Entry } from "./lmdb-format.ts";

/** @param readOnly Nobody may write meanwhile. */
export function openFile(path: string, { readOnly = false } = {}): RootDatabase<Buffer, Buffer> {
  if (!readOnly) ignoreReportedFailures();
  return openLmdb<Buffer, Buffer>({
    path,
    readOnly,
    noSubdir: true,
    keyEncoding: "binary",
    encoding: "binary",
    overlappingSync: false, // otherwise a write resolves before it is on the disk
  });
}

/** Puts all, or changes nothing; resolves when they are durable. @param removed Keys that go in the same transaction. */
export async function putAll(
  db: RootDatabase<Buffer, Buffer>,
  entries: readonly Entry[],
  removed: readonly Buffer[] = [],
): Promise<void> {
  await db.batch(() => {
    // the promise of the batch tells for all
    for (const { key, value } of entries) void db.put(key, value);
    for (const key of removed) void db.remove(key);
  });
}

let isListening = false;

/**
 * After a commit that failed (a full disk), lmdb rejects a promise of its own that nobody can get hold of. The writers have
 * been told; without this the process would end. Every other unhandled rejection ends it as before.
 */
function ignoreReportedFailures(): void {
  if (isListening) return;
  isListening = true;
  process.on("unhandledRejection", (reason) => {
    const isReported = typeof reason === "object" && reason !== null && "commitError" in reason;
    if (!isReported) throw reason;
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

/** A copy in the place of the file, open. */
export interface Copied {
  readonly db: RootDatabase<Buffer, Buffer>;
  /** Why a loss of power may bring the file back that was there before; undefined: it cannot. */
  readonly unsure: Error | undefined;
}

/**
 * Copies a file without its unused pages and puts the copy in its place; who reads the file that was there goes on reading that one.
 * Nothing may write meanwhile. When this throws the file that was there is still in its place; when it does not, writes to that one are lost.
 * @param entries How many there must be.
 */
export async function copyOf(db: RootDatabase<Buffer, Buffer>, path: string, entries: number): Promise<Copied> {
  const fresh = `${path}.copy`;
  const remove = (): void => {
    for (const file of [fresh, `${fresh}-lock`]) rmSync(file, { force: true });
  };
  remove();
  const folder = await open(dirname(path), "r");
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
    return { db: copy, unsure: await failureOf(folder.sync()) };
  } catch (error) {
    await copy?.close();
    remove();
    throw error;
  } finally {
    await folder.close().catch(() => {});
  }
}

/** What went wrong, instead of throwing it. */
function failureOf(work: Promise<void>): Promise<Error | undefined> {
  return work.then(
    () => undefined,
    (error: Error) => error,
  );
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
