import type { RootDatabase } from "lmdb";
import {
  commitsOf,
  damaged,
  decodeLog,
  decodeVersion,
  type Entry,
  keyFrom,
  LOGS_END,
  type LogEntry,
  logKey,
  revisionOfLog,
  type Version,
  versionKey,
} from "./lmdb-format.ts";
import type { StoredRecord, StoreEvent } from "./store.ts";

/** Reads old revisions from the file. Only durable revisions that are not compacted may be asked for. */
export class LmdbHistory {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #path: string;

  constructor(db: RootDatabase<Buffer, Buffer>, path: string) {
    this.#db = db;
    this.#path = path;
  }

  get(key: string, revision: number): StoredRecord | undefined {
    const range = { start: versionKey(key, revision), end: versionKey(key, 0), reverse: true, limit: 1 };
    for (const entry of this.#db.getRange(range)) return recordOf(this.#version(entry.key, entry.value));
    return undefined;
  }

  /** Pairs of key and record as of `revision`, in key order. */
  *range(prefix: string, start = prefix, revision: number): IterableIterator<readonly [string, StoredRecord]> {
    let found: Version | undefined;
    for (const { key, value } of this.#db.getRange({ start: keyFrom(start > prefix ? start : prefix) })) {
      const version = this.#version(key, value);
      if (!version.key.startsWith(prefix)) break;
      if (found !== undefined && found.key !== version.key) yield* pairOf(found);
      if (found?.key !== version.key) found = undefined;
      if (version.revision <= revision) found = version;
    }
    if (found !== undefined) yield* pairOf(found);
  }

  /** All changes after `from` up to `to`, each commit's followed by a progress event. */
  *since(from: number, to: number): IterableIterator<StoreEvent> {
    for (const log of this.#logs(from + 1, to)) {
      for (const [revision, keys] of commitsOf(log)) {
        if (revision <= from) continue;
        if (revision > to) return;
        for (const key of keys) yield this.#event(key, revision);
        yield { type: "progress", revision };
      }
    }
  }

  /** The newest revision after `from` that was committed before `time`; `from` if there is none. */
  lastBefore(time: number, from: number): number {
    let last = from;
    for (const log of this.#logs(from + 1, Number.MAX_SAFE_INTEGER)) {
      if (log.time >= time) break;
      last = log.revision;
    }
    return last;
  }

  /**
   * To where one step of compaction goes from `from` on: what is in one log entry is forgotten together. About `step` revisions further, at most to
   * `to`; `from` if there is nothing to forget.
   */
  nextEnd(from: number, to: number, step: number): number {
    let end = from;
    for (const key of this.#db.getKeys({ start: logKey(from + 1), end: logKey(to + 1) })) {
      const next = revisionOfLog(key);
      if (end > from && next > from + step) break;
      end = next;
    }
    return end;
  }

  /**
   * The entries that nobody needs who reads at `to` or later. Everything up to `from` was forgotten already; both are such as
   * {@link nextEnd} tells.
   */
  superseded(from: number, to: number): readonly Entry[] {
    const out: Entry[] = [];
    for (const log of this.#logs(from + 1, to)) {
      for (const [revision, keys] of commitsOf(log)) {
        for (const key of keys) {
          const version = this.#at(key, revision);
          if (version.previous > 0) out.push(this.#raw(versionKey(key, version.previous)));
          if (version.deleted) out.push(this.#raw(versionKey(key, revision)));
        }
      }
      out.push(this.#raw(logKey(log.revision)));
    }
    return out;
  }

  #event(key: string, revision: number): StoreEvent {
    const version = this.#at(key, revision);
    const previous = version.previous > 0 ? recordOf(this.#at(key, version.previous)) : undefined;
    if (!version.deleted) return { type: "put", record: recordOf(version)!, previous };
    if (previous === undefined) throw damaged(this.#path, `nothing before the deletion of "${key}"`);
    return { type: "delete", key, revision, previous };
  }

  /** Entries with commits of these revisions; the last one may have further ones. */
  *#logs(from: number, to: number): IterableIterator<LogEntry> {
    for (const { key, value } of this.#db.getRange({ start: logKey(from), end: LOGS_END })) {
      const log = this.#log(key, value);
      if (log.revision - log.commits.length >= to) return;
      yield log;
    }
  }

  #log(key: Buffer, value: Buffer): LogEntry {
    try {
      return decodeLog(Buffer.from(key), value);
    } catch (cause) {
      throw damaged(this.#path, "the log is not as it was written", cause);
    }
  }

  #at(key: string, revision: number): Version {
    const at = versionKey(key, revision);
    return this.#version(at, this.#raw(at).value);
  }

  #raw(key: Buffer): Entry {
    const value = this.#db.get(key);
    if (value === undefined) throw damaged(this.#path, `an entry is missing that the log names`);
    return { key, value };
  }

  #version(key: Buffer, value: Buffer): Version {
    try {
      return decodeVersion(Buffer.from(key), value);
    } catch (cause) {
      throw damaged(this.#path, "a record is not as it was written", cause);
    }
  }
}

function recordOf(version: Version): StoredRecord | undefined {
  const { key, value, index, revision, createRevision, deleted } = version;
  return deleted ? undefined : { key, value, index, revision, createRevision };
}

function* pairOf(version: Version): IterableIterator<readonly [string, StoredRecord]> {
  const record = recordOf(version);
  if (record !== undefined) yield [version.key, record];
}
