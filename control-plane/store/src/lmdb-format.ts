/** How records lie in the file. Everything carries a CRC-32 over its key and the rest of its value. */
import { crc32 } from "node:zlib";
import type { EntryPlace } from "./lmdb-blocks.ts";
import { StoreError } from "./store.ts";

/**
 * Raise it with each change of the layout, together with a migration. A file of format 1 is one of format 2 in which every log entry is of one commit:
 * it becomes one of format 2 with its next write.
 */
export const FORMAT = 2;

/** `l` + revision -> log entry; `m` -> meta; `r` + key + NUL + revision -> version. */
const LOG = 0x6c;
const RECORD = 0x72;
export const META_KEY = Buffer.from("m");

/** LMDB takes 1978 bytes with pages of 4 KB; a version's key adds ten. */
export const MAX_KEY_BYTES = 1960;

const HEADER = 33;
/** Every value begins with one. */
export const CHECKSUM = 4;
/** A version's key ends in its revision. */
export const REVISION = 8;
/** A log entry's value begins with its time. */
const TIME = 8;

/** What a key became at a revision. */
export interface Version {
  readonly key: string;
  readonly revision: number;
  readonly deleted: boolean;
  readonly createRevision: number;
  /** Revision of the version before; 0: none. */
  readonly previous: number;
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAt: number;
  readonly index: Uint8Array;
  readonly value: Uint8Array;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What was committed at one time, in one transaction of the file. */
export interface LogEntry {
  /** Of the last commit; those of the others come right before it. */
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The keys of each commit, at least one. */
  readonly commits: readonly (readonly string[])[];
}

export interface Meta {
  readonly format: number;
  readonly revision: number;
  /** Versions that only older revisions than this need are gone. */
  readonly compacted: number;
  /** Entries in the file besides this one, and the XOR of their checksums: a lost or an outdated page shows. */
  readonly count: number;
  readonly sum: number;
}

/** Gives memory to encode into; of any content. */
type Allocate = (length: number) => Buffer;

const fromPool: Allocate = (length) => Buffer.allocUnsafe(length);

export function versionKey(key: string, revision: number, allocate = fromPool): Buffer {
  const length = Buffer.byteLength(key);
  const out = allocate(length + 10);
  out[0] = RECORD;
  // most keys are of ASCII: a loop takes half of the time that a call of Node's does
  if (length === key.length) for (let at = 0; at < length; at += 1) out[at + 1] = key.charCodeAt(at);
  else out.write(key, 1);
  out[length + 1] = 0;
  writeRevision(out, revision, length + 2);
  return out;
}

/** Bounds of all versions of keys from `start` on; pass "" for all. */
export function keyFrom(start: string): Buffer {
  return Buffer.concat([Buffer.of(RECORD), Buffer.from(start)]);
}

export function logKey(revision: number): Buffer {
  const out = Buffer.allocUnsafe(9);
  out[0] = LOG;
  writeRevision(out, revision, 1);
  return out;
}

export function revisionOfLog(key: Buffer): number {
  return readRevision(key, 1);
}

/** After every log entry. */
export const LOGS_END = Buffer.of(LOG + 1);

/** As 64 bits; without a BigInt, which each write would pay for. */
function writeRevision(out: Buffer, revision: number, at: number): void {
  out.writeUInt32BE(Math.floor(revision / 2 ** 32), at);
  out.writeUInt32BE(revision >>> 0, at + 4);
}

function readRevision(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** @param first Its first byte. */
export function isVersionKey(first: number | undefined): boolean {
  return first === RECORD;
}

export function encodeVersion(version: Version, allocate = fromPool): Entry {
  const value = allocate(HEADER + version.index.length + version.value.length);
  value[4] = version.deleted ? 1 : 0;
  value.writeDoubleBE(version.createRevision, 5);
  value.writeDoubleBE(version.previous, 13);
  value.writeDoubleBE(version.expiresAt, 21);
  value.writeUInt32BE(version.index.length, 29);
  if (version.index.length > 0) value.set(version.index, HEADER);
  value.set(version.value, HEADER + version.index.length);
  return seal(versionKey(version.key, version.revision, allocate), value);
}

/** @throws {StoreError} `damaged`. */
export function decodeVersion(key: Buffer, value: Buffer): Version {
  check(key, value, HEADER);
  const body = HEADER + value.readUInt32BE(29);
  return {
    key: key.toString("utf8", 1, key.length - 9),
    revision: readRevision(key, key.length - REVISION),
    deleted: value[4] === 1,
    createRevision: value.readDoubleBE(5),
    previous: value.readDoubleBE(13),
    expiresAt: value.readDoubleBE(21),
    index: value.subarray(HEADER, body),
    value: value.subarray(body),
  };
}

/** What a version's value begins with, and where in its block the rest lies. */
export interface VersionHead {
  readonly revision: number;
  readonly deleted: boolean;
  readonly createRevision: number;
  readonly expiresAt: number;
  /** Where its index begins, and its body after that. */
  readonly index: number;
  readonly body: number;
}

/** Of an entry that was checked already: its checksum is left out. @throws {StoreError} `damaged`. */
export function headAt({ block, value, end }: EntryPlace): VersionHead {
  const index = value + HEADER - CHECKSUM;
  const body = index > end ? index : index + block.readUInt32BE(index - 4);
  if (body > end) throw differs(block.subarray(0, 0));
  return {
    revision: readRevision(block, value - REVISION),
    deleted: block[value] === 1,
    createRevision: block.readDoubleBE(value + 1),
    expiresAt: block.readDoubleBE(value + 17),
    index,
    body,
  };
}

/** How many keys a log entry names, that was checked already: its checksum is left out. */
export function keysInLog({ block, value, end }: EntryPlace): number {
  let keys = 0;
  for (let at = value + TIME, before = 0; at < end; at += 1) {
    const byte = block[at] as number;
    if (before === 0 && byte !== 0) keys += 1;
    before = byte;
  }
  return keys;
}

/** No key is empty, and none has a NUL: one stands after each key of a commit, and another one between commits. */
const COMMIT_END = "\0\0";

export function encodeLog({ revision, time, commits }: LogEntry, allocate = fromPool): Entry {
  const keys = commits.map((commit) => commit.join("\0")).join(COMMIT_END);
  const value = allocate(CHECKSUM + TIME + Buffer.byteLength(keys));
  value.writeDoubleBE(time, CHECKSUM);
  value.write(keys, CHECKSUM + TIME);
  return seal(logKey(revision), value);
}

/** @throws {StoreError} `damaged`. */
export function decodeLog(key: Buffer, value: Buffer): LogEntry {
  check(key, value, CHECKSUM + TIME);
  const text = value.toString("utf8", CHECKSUM + TIME);
  return {
    revision: revisionOfLog(key),
    time: value.readDoubleBE(CHECKSUM),
    commits: text.split(COMMIT_END).map((commit) => commit.split("\0")),
  };
}

/** The keys of each commit with its revision, oldest first. */
export function* commitsOf({ revision, commits }: LogEntry): IterableIterator<readonly [number, readonly string[]]> {
  const first = revision - commits.length + 1;
  for (const [index, keys] of commits.entries()) yield [first + index, keys];
}

export function encodeMeta(meta: Meta): Buffer {
  const value = Buffer.alloc(36);
  value.writeUInt32BE(meta.format, 4);
  value.writeDoubleBE(meta.revision, 8);
  value.writeDoubleBE(meta.compacted, 16);
  value.writeDoubleBE(meta.count, 24);
  value.writeUInt32BE(meta.sum, 32);
  return seal(META_KEY, value).value;
}

/** @throws {StoreError} `damaged`. */
export function decodeMeta(value: Buffer): Meta {
  check(META_KEY, value, 36);
  return {
    format: value.readUInt32BE(4),
    revision: value.readDoubleBE(8),
    compacted: value.readDoubleBE(16),
    count: value.readDoubleBE(24),
    sum: value.readUInt32BE(32),
  };
}

export function sumOf(entry: Entry): number {
  return entry.value.readUInt32BE(0);
}

/** Names a key of the file for people. */
export function showKey(key: Uint8Array): string {
  const buffer = Buffer.from(key);
  if (key[0] === RECORD && key.length > 10) return buffer.toString("utf8", 1, key.length - 9);
  if (key[0] === LOG && key.length === 9) return `log of revision ${buffer.readBigUInt64BE(1)}`;
  return key.length === 1 ? "meta" : `0x${buffer.toString("hex").slice(0, 64)}`;
}

export function damaged(path: string, what: string, cause?: unknown): StoreError {
  const remedy = `stop everything that uses it, then restore "${path}" from a snapshot, or move it away to begin empty`;
  return new StoreError("damaged", `Cannot read "${path}": ${what}; ${remedy}`, { cause });
}

function seal(key: Buffer, value: Buffer): Entry {
  value.writeUInt32BE(checksum(key, value), 0);
  return { key, value };
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  // a call and a view of Node's cost as much as a key's whole sum
  return crc32(new Uint8Array(value.buffer, value.byteOffset + CHECKSUM, value.length - CHECKSUM), crcOfShort(key));
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

/** CRC-32 as zlib computes it. */
function crcOfShort(bytes: Uint8Array): number {
  let sum = -1;
  for (let at = 0; at < bytes.length; at += 1) sum = CRC_TABLE[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8);
  return (sum ^ -1) >>> 0;
}

function check(key: Buffer, value: Buffer, least: number): void {
  if (value.length < least || value.readUInt32BE(0) !== checksum(key, value)) throw differs(key);
}

export function differs(key: Uint8Array): StoreError {
  return new StoreError("damaged", `Cannot read "${showKey(key)}": checksum differs, expected what was written`);
}
