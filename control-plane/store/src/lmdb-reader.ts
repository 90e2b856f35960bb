/**
 * Walks a file, checks every entry, and writes the newest version of each key to stdout as frames. It is run as a process of its own: so it shares
 * no core with the server, which makes what it is told its own meanwhile, and what it needed goes with it.
 */
import { writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { messageOf } from "@tsukube/foundation";
import { BlockWriter, type EntryPlace } from "./lmdb-blocks.ts";
import {
  CHECKSUM,
  decodeMeta,
  differs,
  FORMAT,
  headAt,
  isVersionKey,
  keysInLog,
  META_KEY,
  type Meta,
  REVISION,
  showKey,
} from "./lmdb-format.ts";
import { type Frame, piecesOf } from "./lmdb-frames.ts";
import { LmdbPages } from "./lmdb-pages.ts";

/** @throws when anything in the file is not as it was written. */
export function readAll(path: string, emit: (frame: Frame) => void): void {
  const pages = new LmdbPages(path);
  try {
    const stored = pages.get(META_KEY);
    if (stored === undefined && pages.entries > 0) throw new Error("no meta entry among others");
    const isReadable = stored === undefined || readEntries(pages, stored, emit);
    if (isReadable) emit({ type: "end" });
  } finally {
    pages.close();
  }
}

/** @returns false when entries may look different: who started us says what to do. */
function readEntries(pages: LmdbPages, stored: Buffer, emit: (frame: Frame) => void): boolean {
  const meta = decodeMeta(stored);
  emit({ type: "meta", value: stored });
  if (meta.format > FORMAT) return false;
  const entries = new Entries(meta, (block) => emit({ type: "entries", block }));
  pages.walk((bytes, key, value, end) => entries.take(bytes, key, value, end));
  entries.finish();
  return true;
}

/** Checks entries in the order of their keys, and keeps what is newest of each key. */
class Entries {
  readonly #meta: Meta;
  readonly #blocks: BlockWriter;
  /** Both marks of what was walked, to compare with what the meta entry says. */
  #count = 0;
  #sum = 0;
  /** Log entries and versions above the compacted revision must name each other. */
  #logged = 0;
  #recent = 0;
  readonly #previous = Buffer.alloc(64 * 1024);
  #previousLength = 0;
  /** Whether the last entry in the block is to be taken back when the next key begins. */
  #isDeleted = false;

  constructor(meta: Meta, sink: (block: Buffer) => void) {
    this.#meta = meta;
    this.#blocks = new BlockWriter(sink);
  }

  take(bytes: Buffer, key: number, value: number, end: number): void {
    const length = value - key;
    const shared = this.#sharedWith(bytes, key, length);
    bytes.copy(this.#previous, shared, key + shared, value);
    const isNewer = length === this.#previousLength && shared >= length - REVISION;
    this.#previousLength = length;
    if (length === META_KEY.length && bytes[key] === META_KEY[0]) return;
    const isVersion = isVersionKey(bytes[key]);
    if (this.#isDeleted || (isVersion && isNewer)) this.#blocks.takeBack();
    this.#isDeleted = false;
    if (end - value < CHECKSUM) throw differs(bytes.subarray(key, value));
    const place = this.#blocks.add(bytes, key, value, end);
    this.#check(place, bytes.readUInt32BE(value));
    if (isVersion) this.#version(place);
    else this.#log(place);
  }

  finish(): void {
    if (this.#isDeleted) this.#blocks.takeBack();
    this.#blocks.flush();
    const { count, sum } = this.#meta;
    if (this.#count !== count) throw new Error(`${this.#count} entries, expected ${count}`);
    if (this.#sum !== sum) throw new Error("the sum of all checksums differs, expected that of the last commit");
    if (this.#logged !== this.#recent) throw new Error("the log and the records name different changes");
  }

  #check({ block, key, value, end }: EntryPlace, expected: number | undefined): void {
    // without Buffer's constructor, which takes as long as the sum
    const found = crc32(new Uint8Array(block.buffer, block.byteOffset + key, end - key));
    if (found !== expected) throw differs(block.subarray(key, value));
    this.#count += 1;
    this.#sum = (this.#sum ^ found) >>> 0;
  }

  #version(place: EntryPlace): void {
    const { revision, deleted } = headAt(place);
    if (revision > this.#meta.revision) throw new Error(`"${nameOf(place)}" is newer than the last commit`);
    if (revision > this.#meta.compacted) this.#recent += 1;
    this.#isDeleted = deleted;
  }

  #log(place: EntryPlace): void {
    this.#logged += keysInLog(place);
    this.#blocks.takeBack();
  }

  /** How many bytes a key begins with that the one before it begins with too. */
  #sharedWith(bytes: Buffer, key: number, length: number): number {
    const previous = this.#previous;
    const most = Math.min(length, this.#previousLength);
    let shared = 0;
    while (shared < most && bytes[key + shared] === previous[shared]) shared += 1;
    const isNext = shared < most ? bytes[key + shared]! > previous[shared]! : length > this.#previousLength;
    if (!isNext) throw new Error(`"${showKey(bytes.subarray(key, key + length))}" is out of order`);
    return shared;
  }
}

function nameOf({ block, key, value }: EntryPlace): string {
  return showKey(block.subarray(key, value));
}

/** The whole program: reads `path`, writes frames to stdout. */
export function runReader(path: string): void {
  const emit = (frame: Frame): void => {
    for (const bytes of piecesOf(frame)) for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  };
  try {
    readAll(path, emit);
  } catch (error) {
    emit({ type: "damage", message: messageOf(error) });
  }
}
