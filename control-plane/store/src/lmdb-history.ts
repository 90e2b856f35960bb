import type { RootDatabase } from "lmdb";
import {
  damaged,
  decodeLife,
  decodeVersion,
  type Entry,
  LIVES_END,
  type Life,
  lifeKey,
  livesFrom,
  type Version,
  versionKey,
  versionsFrom,
} from "./lmdb-format.ts";
import type { StoredRecord, StoreError, StoreEvent } from "./store.ts";

/** Reads old revisions from the file. Only durable revisions that are not compacted may be asked for. */
export class LmdbHistory {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #path: string;
  readonly #onDamage: (error: StoreError) => void;
  /** The version that was found last: who looks at a key further and further back goes on there. */
  #found: Version | undefined;

  /** @param onDamage Hears of damage before whoever met it. */
  constructor(db: RootDatabase<Buffer, Buffer>, path: string, onDamage: (error: StoreError) => void = () => {}) {
    this.#db = db;
    this.#path = path;
    this.#onDamage = onDamage;
  }

  get(key: string, revision: number): StoredRecord | undefined {
    const range = { start: lifeKey(key, revision), end: lifeKey(key, 0), reverse: true, limit: 1 };
    for (const entry of this.#db.getRange(range)) {
      const version = this.#asOf(revision, this.#life(entry.key, entry.value));
      return version && recordOf(version);
    }
    return undefined;
  }

  /** Pairs of key and record as of `revision`, in key order. */
  *range(prefix: string, start = prefix, revision: number): IterableIterator<readonly [string, StoredRecord]> {
    for (const { key, value } of this.#db.getRange({
      start: livesFrom(start > prefix ? start : prefix),
      end: LIVES_END,
    })) {
      const life = this.#life(key, value);
      if (!life.key.startsWith(prefix)) return;
      const version = life.createRevision > revision ? undefined : this.#asOf(revision, life);
      const record = version && recordOf(version);
      if (record !== undefined) yield [life.key, record];
    }
  }

  /** All changes after `from` up to `to`, each commit's followed by a progress event. */
  *since(from: number, to: number): IterableIterator<StoreEvent> {
    let commit: Version[] = [];
    for (const { version } of this.#versions(from, to)) {
      if (commit.length > 0 && version.revision !== commit[0]!.revision) {
        yield* this.#events(commit);
        commit = [];
      }
      commit.push(version);
    }
    if (commit.length > 0) yield* this.#events(commit);
  }

  /** The newest revision of `from` to `to` that was written at `time` or before; `from` if there is none after it. */
  newestAt(time: number, from: number, to: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.timeOf(middle) ?? Number.POSITIVE_INFINITY) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** When a revision was written, ms since the epoch; undefined when that is not known. */
  timeOf(revision: number): number | undefined {
    for (const { version } of this.#versions(revision - 1, revision, 1))
      return version.time > 0 ? version.time : undefined;
    return undefined;
  }

  /** The entries that nobody needs who reads at `to` or later. Everything up to `from` was forgotten already. */
  superseded(from: number, to: number): readonly Entry[] {
    const out: Entry[] = [];
    for (const { entry, version } of this.#versions(from, to)) {
      const { key, previous, deleted, createRevision } = version;
      if (previous > 0) out.push(this.#raw(versionKey(key, previous)));
      if (deleted) out.push(entry, this.#raw(lifeKey(key, createRevision)));
    }
    return out;
  }

  *#events(commit: readonly Version[]): IterableIterator<StoreEvent> {
    const [{ revision }] = commit as readonly [Version];
    for (const version of commit.toSorted((a, b) => a.place - b.place)) {
      const { key, deleted } = version;
      const previous = version.previous > 0 ? recordOf(this.#at(key, version.previous)) : undefined;
      if (!deleted) yield { type: "put", record: recordOf(version)!, previous };
      else if (previous !== undefined) yield { type: "delete", key, revision, previous };
      else throw this.#damaged(`nothing before the deletion of "${key}"`);
    }
    yield { type: "progress", revision };
  }

  /** What a life was at a revision that it had begun by. */
  #asOf(revision: number, { key, revision: newest }: Life): Version | undefined {
    const found = this.#found;
    const goesOn = found?.key === key && found.revision > revision && found.revision <= newest;
    let version = goesOn ? found : this.#at(key, newest);
    while (version.revision > revision) {
      if (version.previous === 0) return undefined;
      version = this.#at(key, version.previous);
    }
    this.#found = version;
    return version;
  }

  /** Versions of the revisions after `from` up to `to`, in order. */
  *#versions(
    from: number,
    to: number,
    limit?: number,
  ): IterableIterator<{ readonly entry: Entry; readonly version: Version }> {
    const range = { start: versionsFrom(from + 1), end: versionsFrom(to + 1), ...(limit !== undefined && { limit }) };
    for (const { key, value } of this.#db.getRange(range)) {
      const entry = { key: Buffer.from(key), value };
      yield { entry, version: this.#version(entry) };
    }
  }

  #life(key: Buffer, value: Buffer): Life {
    try {
      return decodeLife(Buffer.from(key), value);
    } catch (cause) {
      throw this.#damaged("what is known of a key is not as it was written", cause);
    }
  }

  #damaged(what: string, cause?: unknown): StoreError {
    const error = damaged(this.#path, what, cause);
    this.#onDamage(error);
    return error;
  }

  #at(key: string, revision: number): Version {
    return this.#version(this.#raw(versionKey(key, revision)));
  }

  #raw(key: Buffer): Entry {
    const value = this.#db.get(key);
    if (value === undefined) throw this.#damaged("an entry is missing that another one names");
    return { key, value };
  }

  #version({ key, value }: Entry): Version {
    try {
      return decodeVersion(key, value);
    } catch (cause) {
      throw this.#damaged("a record is not as it was written", cause);
    }
  }
}

function recordOf(version: Version): StoredRecord | undefined {
  const { key, value, index, revision, createRevision, deleted } = version;
  return deleted ? undefined : { key, value, index, revision, createRevision };
}
