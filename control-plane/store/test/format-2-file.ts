import { crc32 } from "node:zlib";
import { openFile, putAll } from "../src/lmdb-file.ts";
import { type Entry, encodeMeta, META_KEY, sumOf } from "../src/lmdb-format.ts";

export interface OldVersion {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly deleted?: boolean;
  readonly expiresAt?: number;
  readonly value: string;
}

/** Makes a file as it was before versions lay in the order of their revisions; its log has one entry for each revision, as of format 1. */
export async function writeFormat2(path: string, format: 1 | 2, versions: readonly OldVersion[]): Promise<void> {
  const revision = Math.max(...versions.map((version) => version.revision));
  const entries = [...versions.map(versionEntry), ...versions.map(logEntry)];
  const sum = entries.reduce((all, entry) => (all ^ sumOf(entry)) >>> 0, 0);
  const meta = { format, revision, compacted: 0, count: entries.length, sum };
  const db = openFile(path);
  await putAll(db, [...entries, { key: META_KEY, value: encodeMeta(meta) }]);
  await db.close();
}

function versionEntry({ key, revision, createRevision, deleted = false, expiresAt = 0, value }: OldVersion): Entry {
  const head = Buffer.alloc(33);
  head[4] = deleted ? 1 : 0;
  head.writeDoubleBE(createRevision, 5);
  head.writeDoubleBE(expiresAt, 21);
  const index = Buffer.from(`index of ${value}`);
  head.writeUInt32BE(index.length, 29);
  return sealed(Buffer.concat([Buffer.from(`r${key}\0`), wide(revision)]), [head, index, Buffer.from(value)]);
}

function logEntry({ key, revision }: OldVersion): Entry {
  return sealed(Buffer.concat([Buffer.from("l"), wide(revision)]), [Buffer.alloc(12), Buffer.from(key)]);
}

function wide(revision: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32BE(revision, 4);
  return out;
}

function sealed(key: Buffer, parts: readonly Buffer[]): Entry {
  const value = Buffer.concat(parts);
  value.writeUInt32BE(crc32(value.subarray(4), crc32(key)), 0);
  return { key, value };
}
