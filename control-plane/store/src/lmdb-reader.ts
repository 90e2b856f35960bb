/**
 * Walks a file, checks every entry, and tells the newest version of each key in frames. It runs in a thread of its own: so it shares no core with
 * the server, which makes what it is told its own meanwhile, and what it needed goes with it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "@tsukube/foundation";
import { EntryChecks } from "./entry-checks.ts";
import { BlockWriter, type EntryPlace } from "./lmdb-blocks.ts";
import {
  CHECKSUM,
  decodeMeta,
  differs,
  FORMAT,
  headAt,
  isLifeKey,
  isVersionKey,
  KEY_AT,
  lifeIn,
  META_KEY,
  type Meta,
  showKey,
} from "./lmdb-format.ts";
import { EntriesOfFormat2 } from "./lmdb-format-2.ts";
import { type Frame, type ReaderTask, waitFor } from "./lmdb-frames.ts";
import { LmdbPages } from "./lmdb-pages.ts";
import { readWhole } from "./lmdb-salvage.ts";
import { NewestVersions } from "./newest-versions.ts";

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
  const sink = (block: Buffer): void => emit({ type: "entries", block });
  const entries = meta.format === FORMAT ? new Entries(meta, sink) : new EntriesOfFormat2(meta, sink);
  pages.walk((bytes, key, value, end) => entries.take(bytes, key, value, end));
  entries.finish();
  return true;
}

/** Checks entries, and keeps what is newest of each key. What is known of keys comes before all versions. */
class Entries {
  readonly #meta: Meta;
  readonly #checks: EntryChecks;
  readonly #blocks: BlockWriter;
  readonly #newest = new NewestVersions();

  constructor(meta: Meta, sink: (block: Buffer) => void) {
    this.#meta = meta;
    this.#checks = new EntryChecks(meta);
    this.#blocks = new BlockWriter(sink);
  }

  take(bytes: Buffer, key: number, value: number, end: number): void {
    this.#checks.follow(bytes, key, value);
    if (value - key === META_KEY.length && bytes[key] === META_KEY[0]) return;
    if (end - value < CHECKSUM) throw differs(bytes.subarray(key, value));
    if (isLifeKey(bytes[key])) this.#life(bytes, key, value, end);
    else if (isVersionKey(bytes[key])) this.#version(bytes, key, value, end);
    else throw new Error(`"${showKey(bytes.subarray(key, value))}" is of an unknown kind`);
  }

  finish(): void {
    this.#checks.finish();
    if (!this.#newest.isComplete) throw new Error("the newest version of a key is missing");
    this.#blocks.flush();
  }

  #life(bytes: Buffer, key: number, value: number, end: number): void {
    this.#checks.checkShort(bytes, key, value, end);
    const { revision, deleted, keyEnd } = lifeIn(bytes, key, value, end);
    if (!deleted) this.#newest.add(bytes, key + 1, keyEnd, revision);
  }

  #version(bytes: Buffer, key: number, value: number, end: number): void {
    const place = this.#blocks.add(bytes, key, value, end);
    this.#checks.check(place, bytes.readUInt32BE(value));
    const { revision, deleted } = headAt(place);
    if (revision > this.#meta.revision) throw new Error(`"${nameOf(place)}" is newer than the last commit`);
    const number = this.#newest.find(bytes, key + KEY_AT, value, revision);
    if (number === undefined) this.#blocks.takeBack();
    else if (deleted) throw new Error(`"${nameOf(place)}" is deleted, and not`);
    else this.#blocks.setNumber(number);
  }
}

function nameOf({ block, key, value }: EntryPlace): string {
  return showKey(block.subarray(key, value));
}

/** The whole program of a thread that is given a {@link ReaderTask}. */
export function runReader(): void {
  const { path, onlyWhole, heard } = workerData as ReaderTask;
  let sent = 0;
  const emit = (frame: Frame): void => {
    waitFor(heard, sent);
    parentPort!.postMessage(frame, frame.type === "entries" ? [frame.block.buffer as ArrayBuffer] : []);
    sent += 1;
  };
  try {
    if (onlyWhole) readWhole(path, emit);
    else readAll(path, emit);
  } catch (error) {
    emit({ type: "damage", message: messageOf(error) });
  }
}
