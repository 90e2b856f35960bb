import { linkSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { syncFolder } from "@tsukube/host";
import { Batches } from "./batches.ts";
import { LmdbFiller } from "./lmdb-filler.ts";
import { damaged as damagedFile, type Meta } from "./lmdb-format.ts";
import { DEFAULT_READER, type Lost, loadThroughReader, loadWhole, type VisitLoaded } from "./lmdb-load.ts";
import {
  readSnapshot,
  type SnapshotInfo,
  type SnapshotRecord,
  type SnapshotSummary,
  SnapshotWriter,
} from "./snapshot.ts";
import type { Mutation, Store, StoredRecord } from "./store.ts";

export type { Lost } from "./lmdb-load.ts";
export { readSnapshot, type SnapshotInfo, type SnapshotSummary } from "./snapshot.ts";

/** What the caller knows of a snapshot to be. `time` is RFC 3339. */
export type About = Pick<SnapshotInfo, "cluster" | "time">;

export interface Saved {
  readonly revision: number;
  readonly records: number;
  readonly bytes: number;
}

/** Revisions that a restored store leaves out, so that none which anybody was told of before comes again with other content. */
const BUMP = 1_000_000;
/**
 * Saves what an LMDB file holds, and checks all of it. Nobody may write to it meanwhile: of a store that runs, take its {@link Store.copy}.
 * @throws {StoreError} `damaged`.
 */
export async function saveFile(from: string, to: string, about: About, reader = DEFAULT_READER): Promise<Saved> {
  const { saved } = await saveLoaded(to, about, async (visit) => ({
    meta: await loadThroughReader(from, reader, visit),
  }));
  return saved;
}

/**
 * Saves what is whole in an LMDB file that is damaged: each record whose newest version certainly is what was written. Nobody may have it open.
 * @param isReadable Whether whoever knows what records mean can read one. @returns what is left out, too. @throws {StoreError} `damaged` when it cannot be told what is whole, or nothing is.
 */
export async function salvageFile(
  from: string,
  to: string,
  about: About,
  isReadable: (record: StoredRecord) => Promise<boolean>,
  reader = DEFAULT_READER,
): Promise<{ readonly saved: Saved; readonly lost: Lost; readonly unreadable: readonly string[] }> {
  return saveLoaded(to, about, async (visit) => {
    let count = 0;
    const unreadable: string[] = [];
    const loaded = await loadWhole(from, reader, async (record, loading) => {
      count += 1;
      if (await isReadable(record)) await visit(record, loading);
      else unreadable.push(record.key);
    });
    if (count === 0) throw damagedFile(from, "no record in it is whole");
    return { ...loaded, unreadable };
  });
}

/** Saves what `load` shows. */
async function saveLoaded<T extends { readonly meta: Meta }>(
  to: string,
  about: About,
  load: (visit: VisitLoaded) => Promise<T>,
): Promise<Omit<T, "meta"> & { readonly saved: Saved }> {
  let writer: SnapshotWriter | undefined;
  const begin = (meta: Meta): Promise<SnapshotWriter> =>
    SnapshotWriter.create(to, { ...about, store: "file", revision: meta.revision });
  try {
    const { meta, ...more } = await load(async (record, { expiresAt, meta }) => {
      writer ??= await begin(meta);
      const { key, value, index, revision, createRevision } = record;
      await writer.record({ key, value, index, revision, createRevision, expiresAt });
    });
    writer ??= await begin(meta);
    return { ...more, saved: { revision: meta.revision, ...(await writer.finish()) } };
  } catch (error) {
    await writer?.discard();
    throw error;
  }
}

/** Saves records that come in pages, at least one. All must be of one revision. */
export async function savePages(
  pages: AsyncIterable<{ readonly revision: number; readonly records: readonly SnapshotRecord[] }>,
  to: string,
  about: About & Pick<SnapshotInfo, "store">,
): Promise<Saved> {
  let writer: SnapshotWriter | undefined;
  let revision = 0;
  try {
    for await (const page of pages) {
      revision = page.revision;
      writer ??= await SnapshotWriter.create(to, { ...about, revision });
      for (const record of page.records) await writer.record(record);
    }
    if (writer === undefined) throw new Error(`Cannot save "${to}": there was no page, expected one`);
    return { revision, ...(await writer.finish()) };
  } catch (error) {
    await writer?.discard();
    throw error;
  }
}

/**
 * Makes an LMDB file of a snapshot in place of the one at `path`, which stays beside it as `path`.replaced. Nobody may have it open. Revisions
 * go on past all that anybody was told before; older ones are compacted.
 * @throws {TsukubeError} `damaged`, before anything is replaced.
 */
export async function restoreFile(
  from: string,
  path: string,
  reader = DEFAULT_READER,
): Promise<SnapshotSummary & { readonly now: number }> {
  const fresh = `${path}.restoring`;
  const remove = (): void => {
    for (const file of [fresh, `${fresh}-lock`]) rmSync(file, { force: true });
  };
  mkdirSync(dirname(path), { recursive: true });
  remove();
  try {
    const summary = await readSnapshot(from, (_record, info) => expectStore(from, info, "file"));
    const now = Math.max(summary.revision, await revisionOf(path, reader)) + BUMP;
    await fill(fresh, from, now);
    setAside(path);
    rmSync(`${path}-lock`, { force: true });
    renameSync(fresh, path);
    await syncFolder(dirname(path));
    return { ...summary, now };
  } finally {
    remove();
  }
}

/** Keeps what is there as `path`.replaced, too: whenever the process ends, there is a file at `path`. */
function setAside(path: string): void {
  const aside = `${path}.replaced`;
  rmSync(aside, { recursive: true, force: true });
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present?.isDirectory() === true) renameSync(path, aside);
  else if (present !== undefined) linkSync(path, aside);
}

/**
 * Puts a snapshot's records into an etcd that has none of its own. Not one transaction: what was written when it fails stays.
 * @param begin Called when it can be done, before anything is written.
 */
export async function restoreInto(
  store: Store,
  from: string,
  begin: (summary: SnapshotSummary) => Promise<unknown> = async () => {},
): Promise<SnapshotSummary & { readonly now: number }> {
  const summary = await readSnapshot(from, (_record, info) => expectStore(from, info, "etcd"));
  const { records } = await store.range("", { limit: 1 });
  if (records.length > 0) {
    throw new TsukubeError(
      "usage",
      `Cannot restore "${from}": there are objects in etcd, expected none; remove them with "etcdctl del --prefix /registry/", or use a new etcd`,
    );
  }
  await begin(summary);
  const batches = new Batches((batch: readonly Mutation[]) => store.commit(batch));
  await readSnapshot(from, async ({ key, value, expiresAt }) => {
    const put: Mutation = { type: "put", key, value, expected: "absent", ...(expiresAt > 0 && { expiresAt }) };
    await batches.add(put, value.length + 3 * Buffer.byteLength(key));
  });
  await batches.flush();
  return { ...summary, now: store.revision };
}

function expectStore(from: string, { store }: SnapshotInfo, wanted: SnapshotInfo["store"]): void {
  if (store === wanted) return;
  const named = { file: "a cluster with a file of its own", etcd: "a cluster with an etcd" };
  throw new TsukubeError(
    "usage",
    `Cannot restore "${from}": it is of ${named[store]}, expected one of ${named[wanted]}`,
  );
}

/** 0 when there is no file, or when it cannot be read: that may be why one restores. */
async function revisionOf(path: string, reader: URL): Promise<number> {
  return loadThroughReader(path, reader, () => {}).then(
    (meta) => meta.revision,
    () => 0,
  );
}

async function fill(path: string, from: string, now: number): Promise<void> {
  const filler = new LmdbFiller(path);
  try {
    await readSnapshot(from, (record) => filler.add(record));
    await filler.finish(now);
  } finally {
    await filler.close();
  }
}
