import { on } from "node:events";
import { closeSync, openSync, statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { messageOf } from "@tsukube/foundation";
import { keepingBuffers } from "@tsukube/host";
import { BlockRecord } from "./block-record.ts";
import { type EntryPlace, entriesIn } from "./lmdb-blocks.ts";
import { damaged, decodeMeta, FORMAT, headAt, KEY_AT, type Meta } from "./lmdb-format.ts";
import { type Frame, hear, newHeard, type ReaderTask } from "./lmdb-frames.ts";
import { orUnusable } from "./lmdb-place.ts";
import { type StoredRecord, StoreError } from "./store.ts";

/** The program of the reader's thread, from its source; a bundle names its own. */
export const DEFAULT_READER = new URL("./reader-main.ts", import.meta.url);

const EMPTY: Meta = { format: FORMAT, revision: 0, compacted: 0, count: 0, sum: 0 };

/** What is known of a record of a file. */
interface AboutLoaded {
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAt: number;
  /** Its place among all records, in key order. */
  readonly number: number;
  readonly meta: Meta;
}

/** What a damaged file holds no more, as far as that can be told. */
export interface Lost {
  /** Of records whose newest version is not whole. */
  readonly keys: readonly string[];
  /** Entries of the file of which nothing is known; a record has two or more. */
  readonly entries: number;
  /** Nothing is missing, but the file is not what was written last. */
  readonly isOutdated: boolean;
}

export type VisitLoaded = (record: StoredRecord, about: AboutLoaded) => void | Promise<void>;

/**
 * Reads everything through a thread and shows the newest version of each key, in the order of the file.
 * @throws {StoreError} `damaged` when anything in the file is not as it was written, `unusable` when it cannot be read here.
 */
export async function loadThroughReader(path: string, reader: URL, visit: VisitLoaded): Promise<Meta> {
  const isThere = orUnusable(path, () => statSync(path, { throwIfNoEntry: false }) !== undefined);
  return isThere ? (await readThrough(path, reader, false, visit)).meta : EMPTY;
}

/** Reads everything, and shows nothing. @throws {StoreError} `damaged`, `unusable`. */
export async function expectWhole(path: string, reader: URL = DEFAULT_READER): Promise<void> {
  await loadThroughReader(path, reader, () => {});
}

/**
 * The same of what is whole in a file that is damaged, in the order of the file. @returns what is lost, too.
 * @throws {StoreError} `damaged` when it cannot be told what is whole.
 */
export function loadWhole(
  path: string,
  reader: URL,
  visit: VisitLoaded,
): Promise<{ readonly meta: Meta; readonly lost: Lost }> {
  return readThrough(path, reader, true, visit);
}

async function readThrough(path: string, reader: URL, onlyWhole: boolean, visit: VisitLoaded) {
  orUnusable(path, () => closeSync(openSync(path, "r")));
  const task: ReaderTask = { path, onlyWhole, heard: newHeard() };
  const thread = new Worker(reader, { workerData: task });
  try {
    const read = await keepingBuffers(() => readFrom(framesOf(thread, task), path, visit));
    if (read !== undefined) return read;
  } finally {
    await thread.terminate();
  }
  throw endedEarly(path);
}

async function* framesOf(thread: Worker, { path, heard }: ReaderTask): AsyncGenerator<Frame, void> {
  try {
    for await (const [frame] of on(thread, "message", { close: ["exit"] }) as AsyncIterable<readonly [Frame]>) {
      yield frame;
      hear(heard);
    }
  } catch (error) {
    throw endedEarly(path, error);
  }
}

/** What the file holds is not known then. */
function endedEarly(path: string, cause?: unknown): StoreError {
  const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
  return new StoreError(
    "unusable",
    `Cannot read "${path}": the thread that reads it ended early${why}; expected it to reach the end: see that there is memory for it, then start again`,
    { cause },
  );
}

/** @returns undefined when it ended before it said that it was at the end. */
async function readFrom(frames: AsyncIterable<Frame>, path: string, visit: VisitLoaded) {
  let meta = EMPTY;
  const keys: string[] = [];
  let missing = { entries: 0, isOutdated: false };
  for await (const frame of frames) {
    switch (frame.type) {
      case "end":
        return { meta, lost: { keys, ...missing } };
      case "damage":
        throw damaged(path, frame.message);
      case "meta":
        meta = checked(path, decodeMeta(asBuffer(frame.value)));
        break;
      case "entries":
        for (const place of entriesIn(asBuffer(frame.block))) {
          const { record, expiresAt } = loaded(place);
          const work = visit(record, { expiresAt, number: place.number, meta });
          if (work !== undefined) await work;
        }
        break;
      case "lost":
        keys.push(frame.key);
        break;
      case "missing":
        missing = { entries: frame.count, isOutdated: frame.isOutdated };
    }
  }
  return undefined;
}

/** A message between threads has no Buffers. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** The reader has checked it. */
function loaded(place: EntryPlace) {
  const { block, key, value, end } = place;
  const { revision, createRevision, expiresAt, index, body } = headAt(place);
  const name = block.toString("utf8", key + KEY_AT, value);
  return { record: new BlockRecord(name, revision, createRevision, { block, index, body, end }), expiresAt };
}

function checked(path: string, meta: Meta): Meta {
  if (meta.format <= FORMAT) return meta;
  throw new StoreError(
    "unusable",
    `Cannot open "${path}": format ${meta.format}, expected ${FORMAT} or older; start the version of Tsukube that wrote it, or a newer one`,
  );
}
