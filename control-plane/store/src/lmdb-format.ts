/**
 * How records lie in the file: versions in the order of their revisions, so that writes append to it, and beside them one small entry for each life
 * of a key, from its creation to its deletion, that says which version is its newest. Everything carries a CRC-32 over its key and the rest of its
 * value.
 */
import { crc32 } from "node:zlib";
import type { EntryPlace } from "./lmdb-blocks.ts";
import { StoreError } from "./store.ts";

/** Raise it with each change of the layout, together with a migration: see lmdb-migration.ts. */
export const FORMAT = 3;

/** `k` + key + NUL + revision of creation -> life; `m` -> meta; `r` + revision + key -> version. */
const LIFE = 0x6b;
const VERSION = 0x72;
export const META_KEY = Buffer.from("m");

/** LMDB takes 1978 bytes with pages of 4 KB; the key of a life adds ten. */
export const MAX_KEY_BYTES = 1960;

/** Every value begins with one. */
export const CHECKSUM = 4;
/** A version's key begins with its type and its revision, that of a life ends in one. */
const REVISION = 8;
export const KEY_AT = 1 + REVISION;
/** Of a version's value, before its index. */
const HEADER = 45;
/** Of a life's value. */
const LIFE_LENGTH = 13;

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
  /** When it was written, milliseconds since the epoch; 0: that is not known. */
  readonly time: number;
  /** Its place among the changes of its commit. */
  readonly place: number;
  readonly index: Uint8Array;
  readonly value: Uint8Array;
}

/** A key from its creation to its deletion. */
export interface Life {
  readonly key: string;
  readonly createRevision: number;
  /** Of its newest version. */
  readonly revision: number;
  /** Whether that is its deletion. */
  readonly deleted: boolean;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
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
  const out = allocate(KEY_AT + length);
  out[0] = VERSION;
  writeRevision(out, revision, 1);
  writeName(out, key, length, KEY_AT);
  return out;
}

export function lifeKey(key: string, createRevision: number, allocate = fromPool): Buffer {
  const length = Buffer.byteLength(key);
  const out = allocate(length + 2 + REVISION);
  out[0] = LIFE;
  writeName(out, key, length, 1);
  out[length + 1] = 0;
  writeRevision(out, createRevision, length + 2);
  return out;
}

/** @param length In bytes. */
function writeName(out: Buffer, key: string, length: number, at: number): void {
  // most keys are of ASCII: a loop takes half of the time that a call of Node's does
  if (length === key.length) for (let index = 0; index < length; index += 1) out[at + index] = key.charCodeAt(index);
  else out.write(key, at);
}

/** Where lives of keys from `start` on begin; pass "" for all. */
export function livesFrom(start: string): Buffer {
  return Buffer.concat([Buffer.of(LIFE), Buffer.from(start)]);
}

/** After every life. */
export const LIVES_END = Buffer.of(LIFE + 1);

/** Before all versions of a revision. */
export function versionsFrom(revision: number): Buffer {
  return versionKey("", revision);
}

/** As 64 bits; without a BigInt, which each write would pay for. */
function writeRevision(out: Buffer, revision: number, at: number): void {
  out.writeUInt32BE(Math.floor(revision / 2 ** 32), at);
  out.writeUInt32BE(revision >>> 0, at + 4);
}

function readRevision(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

export function isVersionKey(first: number | undefined): boolean {
  return first === VERSION;
}

/** @param first The first byte of a key. */
export function isLifeKey(first: number | undefined): boolean {
  return first === LIFE;
}

export function encodeVersion(version: Version, allocate = fromPool): Entry {
  const value = allocate(HEADER + version.index.length + version.value.length);
  value[4] = version.deleted ? 1 : 0;
  value.writeDoubleBE(version.createRevision, 5);
  value.writeDoubleBE(version.previous, 13);
  value.writeDoubleBE(version.expiresAt, 21);
  value.writeDoubleBE(version.time, 29);
  value.writeUInt32BE(version.place, 37);
  value.writeUInt32BE(version.index.length, 41);
  if (version.index.length > 0) value.set(version.index, HEADER);
  value.set(version.value, HEADER + version.index.length);
  return seal(versionKey(version.key, version.revision, allocate), value);
}

/** @throws {StoreError} `damaged`. */
export function decodeVersion(key: Buffer, value: Buffer): Version {
  check(key, value, HEADER);
  const body = HEADER + value.readUInt32BE(41);
  return {
    key: key.toString("utf8", KEY_AT),
    revision: readRevision(key, 1),
    deleted: value[4] === 1,
    createRevision: value.readDoubleBE(5),
    previous: value.readDoubleBE(13),
    expiresAt: value.readDoubleBE(21),
    time: value.readDoubleBE(29),
    place: value.readUInt32BE(37),
    index: value.subarray(HEADER, body),
    value: value.subarray(body),
  };
}

export function encodeLife({ key, createRevision, revision, deleted }: Life, allocate = fromPool): Entry {
  const value = allocate(LIFE_LENGTH);
  value.writeDoubleBE(revision, 4);
  value[12] = deleted ? 1 : 0;
  return seal(lifeKey(key, createRevision, allocate), value);
}

/** @throws {StoreError} `damaged`. */
export function decodeLife(key: Buffer, value: Buffer): Life {
  check(key, value, LIFE_LENGTH);
  return {
    key: key.toString("utf8", 1, key.length - REVISION - 1),
    createRevision: readRevision(key, key.length - REVISION),
    revision: value.readDoubleBE(4),
    deleted: value[12] === 1,
  };
}

/** What a version says of itself, and where in its block the rest lies. */
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
export function headAt({ block, key, value, end }: EntryPlace): VersionHead {
  const index = value + HEADER - CHECKSUM;
  const body = index > end ? index : index + block.readUInt32BE(index - 4);
  if (body > end) throw differs(block.subarray(key, value));
  return {
    revision: readRevision(block, key + 1),
    deleted: block[value] === 1,
    createRevision: block.readDoubleBE(value + 1),
    expiresAt: block.readDoubleBE(value + 17),
    index,
    body,
  };
}

/** What a life says whose entry lies there, and where its key ends. @throws {StoreError} `damaged`. */
export function lifeIn(bytes: Buffer, key: number, value: number, end: number) {
  if (end - value !== LIFE_LENGTH) throw differs(bytes.subarray(key, value));
  const revision = bytes.readDoubleBE(value + CHECKSUM);
  return { revision, deleted: bytes[value + LIFE_LENGTH - 1] === 1, keyEnd: value - REVISION - 1 };
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
  if (key[0] === VERSION && key.length > KEY_AT) return buffer.toString("utf8", KEY_AT);
  if (key[0] === LIFE && key.length > 2 + REVISION) return buffer.toString("utf8", 1, key.length - REVISION - 1);
  return key.length === 1 ? "meta" : `0x${buffer.toString("hex").slice(0, 64)}`;
}

export function damaged(path: string, what: string, cause?: unknown): StoreError {
  const remedy = `stop everything that uses it, then restore "${path}" from a snapshot, or move it away to begin empty; "tsukube snapshot salvage" makes a snapshot of what is whole in it and names what is not`;
  return new StoreError("damaged", `Cannot read "${path}": ${what}; ${remedy}`, { cause });
}

function seal(key: Buffer, value: Buffer): Entry {
  value.writeUInt32BE(checksum(key, value), 0);
  return { key, value };
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  if (value.length <= SHORT) return crcOfShort(value, CHECKSUM, value.length, crcOfShort(key));
  // a call and a view of Node's cost as much as a key's whole sum
  return crc32(new Uint8Array(value.buffer, value.byteOffset + CHECKSUM, value.length - CHECKSUM), crcOfShort(key));
}

/** Up to so many bytes a loop is quicker than a call. */
const SHORT = 64;

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

/** CRC-32 as zlib computes it, in less time where there are few bytes. @param before The sum of what comes before them. */
export function crcOfShort(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  let sum = ~before;
  for (let at = start; at < end; at += 1) sum = CRC_TABLE[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

function check(key: Buffer, value: Buffer, least: number): void {
  if (value.length < least || value.readUInt32BE(0) !== checksum(key, value)) throw differs(key);
}

export function differs(key: Uint8Array): StoreError {
  return new StoreError("damaged", `Cannot read "${showKey(key)}": checksum differs, expected what was written`);
}
