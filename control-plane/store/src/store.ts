import { TsukubeError } from "@tsukube/foundation";

/** One key at one revision. Revisions are a counter shared by all keys, starting at 1; they are not times. */
export interface StoredRecord {
  readonly key: string;
  /** The bytes as given to the write; the store never looks inside. Do not modify. */
  readonly value: Uint8Array;
  /** Opaque bytes kept beside the value for the reader's indexes, so that a start parses no value. */
  readonly index: Uint8Array;
  /** Revision of the last write of the key. */
  readonly revision: number;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
}

/** What a write expects to find: "absent", a record of exactly this revision, or "any" state. */
export type Expectation = "absent" | "any" | number;

/**
 * One change of a transaction. `expiresAt` (ms since the epoch) makes the store delete the key by itself, at or after it. For `patienceMs` it may be
 * kept waiting for other writes, if its transaction has no change with less: they share a commit then, where a commit costs.
 */
export type Mutation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly index?: Uint8Array;
      readonly expected: Expectation;
      readonly expiresAt?: number;
      readonly patienceMs?: number;
    }
  | { readonly type: "delete"; readonly key: string; readonly expected: Expectation };

/** A change as watchers see it. All changes of one transaction carry the same revision. */
export type StoreEvent =
  | { readonly type: "put"; readonly record: StoredRecord; readonly previous: StoredRecord | undefined }
  | { readonly type: "delete"; readonly key: string; readonly revision: number; readonly previous: StoredRecord }
  | { readonly type: "progress"; readonly revision: number };

export interface RangeOptions {
  /** Reads the state as of this revision; 0 or absent: the current one. */
  readonly revision?: number;
  /** At most this many records; 0 or absent: all. */
  readonly limit?: number;
  /** First key to return (inclusive); absent: the first below the prefix. */
  readonly start?: string;
}

export interface Range {
  /** In key order (by UTF-8 bytes). */
  readonly records: readonly StoredRecord[];
  /** The revision that was read. */
  readonly revision: number;
  /** Records after the last one returned. */
  readonly remaining: number;
}

/**
 * A revisioned key-value store of bytes. It knows no kinds. Every implementation runs the suite `@tsukube/store/conformance`.
 * Revisions are assigned in call order; nothing is readable, listed or watched before its commit is durable; a failed batch
 * fails every write that built on it.
 */
export interface Store {
  /** The newest durable revision that is known here; 0 in a new store of one's own. */
  readonly revision: number;
  /** Whether others write too: who must not read what is outdated asks {@link latest} first. */
  readonly isShared: boolean;
  /** The oldest revision that can still be read. */
  readonly compactedRevision: number;
  /** @throws {StoreError} `compacted`, `future`. */
  get(key: string, options?: { readonly revision?: number }): Promise<StoredRecord | undefined>;
  /** @throws {StoreError} `compacted`, `future`. */
  range(prefix: string, options?: RangeOptions): Promise<Range>;
  /**
   * The newest revision that anybody wrote, asked of whoever knows: everything acknowledged before the call is in it. Watches reach
   * it soon, with an event or with progress. @throws {StoreError} `unavailable`.
   */
  latest(): Promise<number>;
  /** All mutations or none, each of another key, at one new revision, resolved when durable. @throws {StoreError} `conflict`, `read-only`, `failed`, `unavailable`, `unknown`. */
  commit(mutations: readonly Mutation[]): Promise<number>;
  /**
   * Streams each change under `prefix` after `revision`, oldest first, without gaps. A progress event follows each commit with such changes:
   * everything up to its revision was delivered. Of other commits one tells about a second later: a write costs those whom it concerns.
   * @param prefix Such as "/registry/pods/default/"; "" watches everything.
   * @param revision 0 means from the oldest kept.
   * @throws {StoreError} `compacted` if `revision` is no longer kept: list, then watch again.
   */
  watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<StoreEvent>;
  /** Forgets history older than `revision`. */
  compact(revision: number): Promise<void>;
  /**
   * The bytes of a file with everything that is durable, history included, as of now; it can then be read as a store's own file. @returns
   * undefined where there is no file here. @throws {StoreError} `read-only`, `failed`.
   */
  copy(): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Bytes of the file that holds it, of another machine's, too; undefined: there is none. @throws {StoreError} `unavailable`. */
  size(): Promise<number | undefined>;
  /** Waits for writes in flight and releases everything. */
  close(): Promise<void>;
}

/**
 * Opens a store and shows each current record once, in key order, before the store serves: its reader fills its cache from
 * that instead of reading everything again.
 */
export type OpenStore = (visit: (record: StoredRecord) => void) => Promise<Store>;

/** `unavailable`: nothing was done, it may be tried again; `unknown`: the answer was lost, it may be done or not; `unusable`: not as it is, whenever it is tried. */
export type StoreErrorCode =
  | "conflict"
  | "compacted"
  | "future"
  | "read-only"
  | "failed"
  | "unavailable"
  | "unknown"
  | "damaged"
  | "unusable"
  | "closed";

export class StoreError extends TsukubeError<StoreErrorCode> {
  /** Of a conflict: the key and the record found there. */
  readonly key: string | undefined;
  readonly current: StoredRecord | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly key?: string; readonly current?: StoredRecord | undefined },
  ) {
    super(code, message, options);
    this.key = options?.key;
    this.current = options?.current;
  }
}
