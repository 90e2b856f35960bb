/**
 * Walks a file, checks every entry, and writes the newest version of each key to stdout as frames. It is run as a process of its own because a damaged page can crash LMDB or make it lie, and because the pages that it maps
 * leave with it.
 */
import { writeSync } from "node:fs";
import { messageOf } from "@tsukube/foundation";
import { openFile } from "./lmdb-file.ts";
import {
  decodeLog,
  decodeMeta,
  decodeVersion,
  FORMAT,
  isVersionKey,
  META_KEY,
  type Meta,
  showKey,
  sumOf,
  type Version,
} from "./lmdb-format.ts";
import { type Frame, FrameWriter } from "./lmdb-frames.ts";

/** Both marks of what was walked, to compare with what the meta entry says. */
interface Walked {
  count: number;
  sum: number;
  previous: Buffer;
  /** Log entries and versions above the compacted revision must name each other. */
  logged: number;
  recent: number;
}

export function readAll(path: string, emit: (frame: Frame) => void): void {
  const db = openFile(path, { readOnly: true });
  const stored = db.get(META_KEY);
  if (stored === undefined) {
    if (db.getKeysCount() > 0) throw new Error("no meta entry among others");
    emit({ type: "end" });
    return;
  }
  const meta = decodeMeta(stored);
  emit({ type: "meta", value: stored });
  if (meta.format > FORMAT) return; // its entries may look different; who started us says what to do
  const walked: Walked = { count: 0, sum: 0, previous: Buffer.alloc(0), logged: 0, recent: 0 };
  let last: { readonly version: Version; readonly key: Buffer; readonly value: Buffer } | undefined;
  for (const { key, value } of db.getRange({})) {
    const version = visit(Buffer.from(key), value, meta, walked);
    if (version === undefined) continue;
    if (last !== undefined && last.version.key !== version.key && !last.version.deleted)
      emit({ type: "entry", ...last });
    last = { version, key: Buffer.from(key), value };
  }
  if (last !== undefined && !last.version.deleted) emit({ type: "entry", ...last });
  compare(meta, walked);
  emit({ type: "end" });
}

function visit(key: Buffer, value: Buffer, meta: Meta, walked: Walked): Version | undefined {
  if (Buffer.compare(walked.previous, key) >= 0) throw new Error(`"${showKey(key)}" is out of order`);
  walked.previous = key;
  if (key.equals(META_KEY)) return undefined;
  walked.count += 1;
  walked.sum = (walked.sum ^ sumOf({ key, value })) >>> 0;
  if (!isVersionKey(key)) {
    walked.logged += decodeLog(key, value).keys.length;
    return undefined;
  }
  const version = decodeVersion(key, value);
  if (version.revision > meta.revision) throw new Error(`"${version.key}" is newer than the last commit`);
  if (version.revision > meta.compacted) walked.recent += 1;
  return version;
}

function compare(meta: Meta, walked: Walked): void {
  if (walked.count !== meta.count) throw new Error(`${walked.count} entries, expected ${meta.count}`);
  if (walked.sum !== meta.sum) throw new Error("the sum of all checksums differs, expected that of the last commit");
  if (walked.logged !== walked.recent) throw new Error("the log and the records name different changes");
}

/** The whole program: reads `path`, writes frames to stdout. */
export function runReader(path: string): void {
  const writer = new FrameWriter((bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  });
  try {
    readAll(path, (frame) => writer.write(frame));
  } catch (error) {
    writer.write({ type: "damage", message: messageOf(error) });
  }
  writer.flush();
}
