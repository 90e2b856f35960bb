import type { RootDatabase } from "lmdb";
import { Batches } from "./batches.ts";
import { openFile, putAll } from "./lmdb-file.ts";
import {
  type Entry,
  encodeLife,
  encodeMeta,
  encodeVersion,
  FORMAT,
  META_KEY,
  type Meta,
  sumOf,
} from "./lmdb-format.ts";
import { expectRoom } from "./lmdb-room.ts";
import type { SnapshotRecord } from "./snapshot.ts";

/** Makes a new file of records, each of its newest version alone. What is there before {@link finish} is no store yet. */
export class LmdbFiller {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #batches: Batches<Entry>;
  #count = 0;
  #sum = 0;

  constructor(path: string) {
    this.#db = openFile(path);
    this.#batches = new Batches(async (entries: readonly Entry[]) => {
      expectRoom(path, entries, 0);
      await putAll(this.#db, entries);
    });
  }

  /** @param record Each key once, in any order. @throws {StoreError} `read-only`. */
  async add({ key, value, index, revision, createRevision, expiresAt }: SnapshotRecord): Promise<void> {
    const newest = { key, createRevision, revision, deleted: false };
    const version = encodeVersion({ ...newest, value, index, expiresAt, previous: 0, time: 0, place: 0 });
    const life = encodeLife(newest);
    for (const entry of [version, life]) {
      this.#count += 1;
      this.#sum = (this.#sum ^ sumOf(entry)) >>> 0;
      await this.#batches.add(entry, entry.value.length);
    }
  }

  /** Everything is durable then. @param revision The newest one, older ones are compacted. */
  async finish(revision: number): Promise<Meta> {
    await this.#batches.flush();
    const meta = { format: FORMAT, revision, compacted: revision, count: this.#count, sum: this.#sum };
    await putAll(this.#db, [{ key: META_KEY, value: encodeMeta(meta) }]);
    await this.#db.flushed;
    return meta;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}
