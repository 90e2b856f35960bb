import { linkSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { syncFolder } from "@tsukube/host";
import { LmdbFiller } from "./lmdb-filler.ts";
import { FORMAT, type Meta } from "./lmdb-format.ts";
import { loadThroughReader } from "./lmdb-load.ts";
import type { StoredRecord } from "./store.ts";

interface Loaded {
  readonly meta: Meta;
  /** In key order. */
  readonly records: readonly StoredRecord[];
  /** When a key goes by itself, ms since the epoch. */
  readonly expiries: Map<string, number>;
}

/**
 * Reads what is newest in a file. One of an older format becomes one of this: its history is forgotten, and the file as it was stays beside it as
 * `path`.format-N. @throws {StoreError} `damaged`, `unusable`.
 */
export async function loadCurrent(path: string, reader: URL): Promise<Loaded> {
  let records: StoredRecord[] | undefined;
  const expiries = new Map<string, number>();
  const found = await loadThroughReader(path, reader, (record, about) => {
    // as long as it will be at most: one that grows in any order would become a table of numbers
    records ??= new Array<StoredRecord>(about.meta.count);
    records[about.number] = record;
    if (about.expiresAt > 0) expiries.set(record.key, about.expiresAt);
  });
  const all = withoutEnd(records ?? []);
  const meta = found.format < FORMAT ? await migrate(path, found, all, expiries) : found;
  return { meta, records: all, expiries };
}

/** Entries of the file that are no records leave room at the end. */
function withoutEnd(records: StoredRecord[]): readonly StoredRecord[] {
  let length = records.length;
  while (length > 0 && records[length - 1] === undefined) length -= 1;
  records.length = length;
  return records;
}

async function migrate(
  path: string,
  { format, revision }: Meta,
  records: readonly StoredRecord[],
  expiries: ReadonlyMap<string, number>,
): Promise<Meta> {
  const fresh = `${path}.migrating`;
  const kept = `${path}.format-${format}`;
  for (const file of [fresh, `${fresh}-lock`, kept]) rmSync(file, { force: true });
  const filler = new LmdbFiller(fresh);
  try {
    for (const { key, value, index, revision, createRevision } of records)
      await filler.add({ key, value, index, revision, createRevision, expiresAt: expiries.get(key) ?? 0 });
    const meta = await filler.finish(revision);
    await filler.close();
    linkSync(path, kept);
    // transactions count anew: the new file must not share the lock of the old one
    renameSync(`${fresh}-lock`, `${path}-lock`);
    renameSync(fresh, path);
    await syncFolder(dirname(path));
    return meta;
  } finally {
    await filler.close();
    for (const file of [fresh, `${fresh}-lock`]) rmSync(file, { force: true });
  }
}
