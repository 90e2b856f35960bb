/** What the reader does with a file that is damaged: it hands on what is whole, and names what is not. */
import { BlockWriter } from "./lmdb-blocks.ts";
import {
  decodeLife,
  decodeMeta,
  decodeVersion,
  encodeMeta,
  FORMAT,
  isLifeKey,
  isVersionKey,
  type Life,
  META_KEY,
  type Meta,
} from "./lmdb-format.ts";
import type { Frame } from "./lmdb-frames.ts";
import { LmdbPages } from "./lmdb-pages.ts";
import { StoreError } from "./store.ts";

/**
 * Emits the newest version of each key that is whole and certainly the newest, and a frame for each key of which that cannot be said. The last
 * one, before the end, tells how many entries nothing is known of. @throws when it cannot be told what is whole.
 */
export function readWhole(path: string, emit: (frame: Frame) => void): void {
  const pages = new LmdbPages(path);
  try {
    const meta = metaOf(pages);
    if (meta !== undefined && meta.format !== FORMAT)
      throw new Error(`format ${meta.format}: only of format ${FORMAT} can be told what is whole`);
    const whole = new WholeEntries(meta);
    // in this order: a version that is newer than what is known of its key comes after those that are not
    pages.walkWhole((bytes, key, value, end) => whole.learn(bytes.subarray(key, value), bytes.subarray(value, end)));
    emit({ type: "meta", value: encodeMeta(whole.meta) });
    const blocks = new BlockWriter((block) => emit({ type: "entries", block }));
    pages.walkWhole((bytes, key, value, end) => {
      if (whole.isNewest(bytes.subarray(key, value), bytes.subarray(value, end))) blocks.add(bytes, key, value, end);
    });
    blocks.flush();
    for (const key of whole.lost()) emit({ type: "lost", key });
    emit({ type: "missing", ...whole.missing(pages.entries) });
    emit({ type: "end" });
  } finally {
    pages.close();
  }
}

/** undefined where it is lost. */
function metaOf(pages: LmdbPages): Meta | undefined {
  try {
    return decodeMeta(pages.get(META_KEY) ?? Buffer.alloc(0));
  } catch {
    return undefined; // whatever is wrong on the way to it
  }
}

type Known = Pick<Life, "revision" | "deleted"> & { readonly isFound: boolean };

class WholeEntries {
  readonly #meta: Meta | undefined;
  /** The newest life of each key that is whole. */
  readonly #lives = new Map<string, Known>();
  /** What is known of these keys is lost, or older than what was written since. */
  readonly #outdated = new Set<string>();
  #count = 0;
  #sum = 0;
  #newest = 0;

  constructor(meta: Meta | undefined) {
    this.#meta = meta;
  }

  /** Keys come before all versions. */
  learn(key: Buffer, value: Buffer): void {
    if (isLifeKey(key[0])) this.#life(key, value);
    else if (isVersionKey(key[0])) this.#version(key, value);
  }

  isNewest(rawKey: Buffer, value: Buffer): boolean {
    if (!isVersionKey(rawKey[0])) return false;
    const version = whole(() => decodeVersion(rawKey, value));
    if (version === undefined || this.#outdated.has(version.key)) return false;
    const { key, revision } = version;
    const life = this.#lives.get(key);
    if (life === undefined || life.revision !== revision || life.deleted) return false;
    this.#lives.set(key, { ...life, isFound: true });
    return true;
  }

  /** What the store says of itself, or what can be guessed of that. */
  get meta(): Meta {
    const revision = this.#newest;
    return this.#meta ?? { format: FORMAT, revision, compacted: revision, count: 0, sum: 0 };
  }

  /** Keys that are there, or may be, and whose newest version is not whole. */
  lost(): ReadonlySet<string> {
    const lost = new Set(this.#outdated);
    for (const [key, { deleted, isFound }] of this.#lives) if (!deleted && !isFound) lost.add(key);
    return lost;
  }

  /** @param entries How many the pages tell of, with the one about the store. */
  missing(entries: number): { readonly count: number; readonly isOutdated: boolean } {
    const { count, sum } = this.#meta ?? { count: entries - 1, sum: this.#sum };
    const missing = Math.max(count, entries - 1) - this.#count + (this.#meta === undefined ? 1 : 0);
    return { count: Math.max(0, missing), isOutdated: missing === 0 && sum !== this.#sum };
  }

  #life(rawKey: Buffer, value: Buffer): void {
    const life = whole(() => decodeLife(rawKey, value));
    if (life === undefined) return;
    const { key, revision, deleted } = life;
    if (revision > (this.#lives.get(key)?.revision ?? 0)) this.#lives.set(key, { revision, deleted, isFound: false });
    this.#tally(value, revision);
  }

  #version(rawKey: Buffer, value: Buffer): void {
    const version = whole(() => decodeVersion(rawKey, value));
    if (version === undefined) return;
    const { key, revision } = version;
    if (revision > (this.#lives.get(key)?.revision ?? 0)) this.#outdated.add(key);
    this.#tally(value, revision);
  }

  #tally(value: Buffer, revision: number): void {
    this.#count += 1;
    this.#sum = (this.#sum ^ value.readUInt32BE(0)) >>> 0;
    this.#newest = Math.max(this.#newest, revision);
  }
}

/** undefined for what is not as it was written: its key may be as wrong as the rest, so what it was about shows by what is missing. */
function whole<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreError || error instanceof RangeError) return undefined;
    throw error;
  }
}
