import { existsSync } from "node:fs";
import type { RootDatabase } from "lmdb";
import { openFile } from "./lmdb-file.ts";
import { decodeMeta, FORMAT, META_KEY, type Meta } from "./lmdb-format.ts";
import { LmdbHistory } from "./lmdb-history.ts";
import { future } from "./memory-store.ts";
import { type StoredRecord, StoreError } from "./store.ts";

export { expectWhole } from "./lmdb-load.ts";

/** What a store remembers, for reading only. */
export interface Past {
  readonly revision: number;
  /** The oldest revision that can be read. */
  readonly oldest: number;
  /** @throws {StoreError} `compacted`, `future`. */
  get(key: string, revision: number): Promise<StoredRecord | undefined>;
  /** In key order. @throws {StoreError} `compacted`, `future`. */
  range(prefix: string, revision: number): Promise<readonly StoredRecord[]>;
  /** The newest revision that was written at `time` (ms since the epoch) or before. @throws {StoreError} `compacted` when that is not known any more. */
  revisionAt(time: number): Promise<number>;
  /** When a revision was written, ms since the epoch; undefined when that is not known. */
  timeOf(revision: number): number | undefined;
  close(): Promise<void>;
}

/**
 * Opens the past of an LMDB file, of which {@link expectWhole} found that it is whole. Nobody may write to it meanwhile: of a store that runs, take its {@link Store.copy}.
 * @throws {StoreError} `failed` when there is no file.
 */
export function openPast(path: string): Past {
  if (!existsSync(path))
    throw new StoreError("failed", `Cannot read "${path}": no such file, expected a cluster's store`);
  return new LmdbPast(path);
}

class LmdbPast implements Past {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #history: LmdbHistory;
  readonly #meta: Meta;

  constructor(path: string) {
    this.#db = openFile(path, { readOnly: true });
    this.#history = new LmdbHistory(this.#db, path);
    const stored = this.#db.get(META_KEY);
    if (stored === undefined) throw new StoreError("failed", `Cannot read "${path}": it is empty, expected a store`);
    this.#meta = decodeMeta(stored);
    if (this.#meta.format !== FORMAT) throw otherFormat(path, this.#meta.format);
  }

  get revision(): number {
    return this.#meta.revision;
  }

  get oldest(): number {
    return this.#meta.compacted;
  }

  async get(key: string, revision: number): Promise<StoredRecord | undefined> {
    this.#check(revision);
    return this.#history.get(key, revision);
  }

  async range(prefix: string, revision: number): Promise<readonly StoredRecord[]> {
    this.#check(revision);
    return [...this.#history.range(prefix, prefix, revision)].map(([, record]) => record);
  }

  async revisionAt(time: number): Promise<number> {
    const { compacted, revision } = this.#meta;
    const first = this.timeOf(compacted + 1);
    if (compacted > 0 && (first === undefined || time < first)) throw tooEarly(time, first, compacted);
    return this.#history.newestAt(time, compacted, revision);
  }

  timeOf(revision: number): number | undefined {
    return this.#history.timeOf(revision);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #check(revision: number): void {
    if (revision < this.oldest) throw forgotten(revision, this.oldest);
    if (revision > this.revision) throw future(revision, this.revision);
  }
}

function otherFormat(path: string, format: number): StoreError {
  const remedy =
    format < FORMAT ? '"tsukube up" brings it up to date' : "use the tsukube that wrote it, or a newer one";
  return new StoreError("failed", `Cannot look back in "${path}": format ${format}, expected ${FORMAT}; ${remedy}`);
}

function forgotten(revision: number, oldest: number): StoreError {
  return new StoreError(
    "compacted",
    `Cannot look back to revision ${revision}: history begins at revision ${oldest}, expected that or a later one; "tsukube up --history" keeps more`,
  );
}

function tooEarly(time: number, first: number | undefined, oldest: number): StoreError {
  const begins = first === undefined ? `revision ${oldest}` : new Date(first).toISOString();
  return new StoreError(
    "compacted",
    `Cannot look back to ${new Date(time).toISOString()}: history begins at ${begins}, expected a later time; "tsukube up --history" keeps more`,
  );
}

/** What a key was since it was made last, newest first, as far as is remembered. */
export async function versionsOf(past: Past, key: string): Promise<readonly StoredRecord[]> {
  const out: StoredRecord[] = [];
  let at = past.revision;
  while (at >= past.oldest && at > 0) {
    const record = await past.get(key, at);
    if (record === undefined) break;
    out.push(record);
    if (record.revision === record.createRevision) break;
    at = record.revision - 1;
  }
  return out;
}
