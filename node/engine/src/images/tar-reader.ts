import { TsukubeError } from "@tsukube/foundation";
import { readSparseMap, type SparseMap } from "./sparse-map.ts";

export type TarType = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

export interface TarEntry {
  readonly path: string;
  readonly type: TarType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the body that the archive has. */
  readonly size: number;
  /** Where the body lies in a file that has holes. */
  readonly sparse?: SparseMap;
  /** Seconds since the epoch, with fractions. */
  readonly mtime: number;
  /** The same to the nanosecond. */
  readonly mtimeNs: bigint;
  readonly linkPath: string;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by name ("security.capability"). */
  readonly xattrs: Readonly<Record<string, Buffer>>;
}

const BLOCK = 512;
/** Seconds since the epoch; no file system has later ones. */
const LATEST = 2n ** 40n;
const MAX_HEADER = 1024 * 1024;
/** They are looked at again for each entry. */
const MAX_GLOBALS = 16 * 1024;
/** An image of a whole distribution has a million. */
const MOST_ENTRIES = 20_000_000;
/** Of Linux, in bytes. */
export const LONGEST_PATH = 4095;
const LONGEST_NAME = 255;

/** Reads exact amounts from a stream of chunks. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Up to `limit` bytes; empty at the end. */
  async some(limit: number): Promise<Buffer> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return Buffer.alloc(0);
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
    }
    const part = this.#chunk.subarray(0, limit);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** Exactly `length` bytes; undefined at a clean end. */
  async exactly(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part.length === 0) {
        if (parts.length === 0) return undefined;
        throw truncated();
      }
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

function truncated(): TsukubeError {
  return new TsukubeError("invalid-tar", "Cannot read archive: it ends in the middle of an entry");
}

const TYPES: Readonly<Record<string, TarType>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  S: "file",
};

/**
 * Reads a tar archive as it streams by: ustar, GNU long names, pax headers (sizes, ids and names of any length).
 * The body of an entry must be read or skipped before the next entry; what is left of it is skipped.
 * @param most Entries.
 * @throws {TsukubeError} `invalid-tar`.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  most = MOST_ENTRIES,
): AsyncGenerator<{ entry: TarEntry; body: AsyncIterable<Buffer> }> {
  const bytes = new Bytes(source);
  const global: Record<string, Buffer> = {};
  let local: Record<string, Buffer> = {};
  let [pending, globals] = [0, 0]; // bytes of headers for the next entry, and for all
  let entries = 0;
  for (;;) {
    const header = await bytes.exactly(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    verifyChecksum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = "xgLK".includes(type)
      ? number(header, 124, 12)
      : decimal(local, "size", () => number(header, 124, 12));
    if (!Number.isSafeInteger(size) || size < 0)
      throw new TsukubeError("invalid-tar", `Cannot read archive: an entry of ${size} bytes`);
    if ("xgLK".includes(type)) {
      pending += size;
      globals += type === "g" ? size : 0;
      for (const [kept, limit] of [
        [pending, MAX_HEADER],
        [globals, MAX_GLOBALS],
      ] as const)
        if (kept > limit)
          throw new TsukubeError(
            "invalid-tar",
            `Cannot read archive: headers of ${kept} bytes, expected at most ${limit}`,
          );
      const text = await special(bytes, size);
      if (type === "g") Object.assign(global, paxRecords(text));
      else if (type === "x") Object.assign(local, paxRecords(text));
      else local[type === "L" ? "path" : "linkpath"] = text.subarray(0, end(text));
      continue;
    }
    if (++entries > most) throw new TsukubeError("invalid-tar", `Cannot read archive: more than ${most} entries`);
    const pax = { ...global, ...local };
    const more = (length: number): Promise<Buffer | undefined> => bytes.exactly(length);
    const sparse = await readSparseMap({ block: header, type, pax: local, stored: size, number, more });
    const content = size - (sparse?.taken ?? 0);
    const entry = sparseEntry(entryOf(header, TYPES[type], content, pax), sparse);
    if (entry !== undefined) refuseImpossible(entry);
    local = {};
    pending = 0;
    let left = entry?.type === "file" || entry === undefined ? content : 0;
    const padding = (BLOCK - (left % BLOCK)) % BLOCK;
    const body = (async function* () {
      while (left > 0) {
        const part = await bytes.some(left);
        if (part.length === 0) throw truncated();
        left -= part.length;
        yield part;
      }
    })();
    if (entry !== undefined) yield { entry, body };
    for await (const _ of body); // what the reader left
    while (left > 0) left -= (await bytes.some(left)).length || left;
    if (padding > 0) await bytes.exactly(padding);
  }
}

function sparseEntry(
  entry: TarEntry | undefined,
  sparse: Awaited<ReturnType<typeof readSparseMap>>,
): TarEntry | undefined {
  if (entry === undefined || sparse === undefined) return entry;
  return { ...entry, path: sparse.name ?? entry.path, sparse: sparse.map };
}

/** Seconds in decimal, of any precision. */
function nanosecondsIn(seconds: string): bigint {
  const [, sign = "", whole = "0", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(seconds) ?? [];
  const limited = BigInt(whole) > LATEST ? LATEST : BigInt(whole);
  const value = limited * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9));
  return sign === "" ? value : -value;
}

/** What no file system has; files that nobody can name would stay. */
function refuseImpossible({ path, linkPath, uid, gid, major, minor, mtime }: TarEntry): void {
  const ids = [uid, gid, major, minor].every((id) => Number.isSafeInteger(id) && id >= 0 && id <= 0xffff_ffff);
  const isShort = [path, linkPath].every((each) => Buffer.byteLength(each) <= LONGEST_PATH);
  const names = path.split("/").every((name) => Buffer.byteLength(name) <= LONGEST_NAME);
  if (ids && isShort && names && Number.isFinite(mtime) && !`${path}${linkPath}`.includes("\0")) return;
  throw new TsukubeError(
    "invalid-tar",
    `Cannot read archive: no file can have the name, owner or time of ${JSON.stringify(path.slice(0, LONGEST_NAME))}`,
  );
}

/** A number of a pax record; where there is none, or an empty one, what the header says. NaN for what is no number. */
function decimal(pax: Readonly<Record<string, Buffer>>, key: string, otherwise: () => number): number {
  const text = pax[key]?.toString("latin1") ?? "";
  if (text === "") return otherwise();
  return /^-?\d+(\.\d*)?$/.test(text) ? Number(text) : Number.NaN;
}

async function special(bytes: Bytes, size: number): Promise<Buffer> {
  const padded = await bytes.exactly(Math.ceil(size / BLOCK) * BLOCK);
  if (padded === undefined && size > 0) throw truncated();
  return (padded ?? Buffer.alloc(0)).subarray(0, size);
}

function entryOf(
  header: Buffer,
  type: TarType | undefined,
  size: number,
  pax: Record<string, Buffer>,
): TarEntry | undefined {
  if (type === undefined) return undefined;
  const prefix =
    header.toString("latin1", 257, 262) === "ustar" && header.toString("latin1", 257, 265) !== "ustar  \0"
      ? text(header, 345, 155)
      : "";
  const name = text(header, 0, 100);
  const path = textOf(pax, "path") ?? (prefix === "" ? name : `${prefix}/${name}`);
  const value = (key: string, offset: number, length: number): number =>
    decimal(pax, key, () => number(header, offset, length));
  const xattrs = Object.entries(pax).filter(([key]) => key.startsWith("SCHILY.xattr."));
  return {
    path,
    type: type === "file" && path.endsWith("/") ? "directory" : type,
    mode: number(header, 100, 8) & 0o7777,
    uid: value("uid", 108, 8),
    gid: value("gid", 116, 8),
    size,
    mtime: value("mtime", 136, 12),
    mtimeNs: nanosecondsIn(textOf(pax, "mtime") ?? String(number(header, 136, 12))),
    linkPath: textOf(pax, "linkpath") ?? text(header, 157, 100),
    major: number(header, 329, 8),
    minor: number(header, 337, 8),
    xattrs: Object.fromEntries(xattrs.map(([key, bytes]) => [key.slice("SCHILY.xattr.".length), bytes])),
  };
}

/** An empty record stands for none (POSIX, pax, "typeflag x"). */
function textOf(pax: Readonly<Record<string, Buffer>>, key: string): string | undefined {
  return pax[key]?.toString() || undefined;
}

function end(bytes: Buffer): number {
  const zero = bytes.indexOf(0);
  return zero === -1 ? bytes.length : zero;
}

function text(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  return field.toString("utf8", 0, end(field));
}

/** Octal text, NaN for another, or base 256 when the first bit is set (GNU). */
function number(header: Buffer, offset: number, length: number): number {
  if ((header[offset]! & 0x80) === 0) {
    const digits = header.toString("latin1", offset, offset + length).replace(/[\0 ]+/g, "");
    return digits === "" ? 0 : /^-?[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  }
  const negative = header[offset] === 0xff;
  let value = negative ? -1 : header[offset]! & 0x7f;
  for (let i = offset + 1; i < offset + length; i++) value = value * 256 + header[i]!;
  return value;
}

function verifyChecksum(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  if (sum !== number(header, 148, 8))
    throw new TsukubeError("invalid-tar", "Cannot read archive: a header's checksum does not match");
}

/** Of pax 0.0, which has a record for each of them, in turn; those of pax 0.1 are one list. */
const SPARSE = ["GNU.sparse.offset", "GNU.sparse.numbytes"];

function malformed(): TsukubeError {
  return new TsukubeError("invalid-tar", "Cannot read archive: a malformed pax record");
}

/** Records of the form "<length> <key>=<value>\n" (pax, POSIX.1-2001). */
function paxRecords(bytes: Buffer): Record<string, Buffer> {
  const out: Record<string, Buffer> = Object.create(null) as Record<string, Buffer>;
  const map: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString("latin1", at, space);
    const length = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
    const equals = bytes.indexOf(0x3d, space);
    const isWhole = space !== -1 && equals !== -1 && equals < at + length && at + length <= bytes.length;
    if (!isWhole || bytes[at + length - 1] !== 0x0a) throw malformed();
    const value = bytes.subarray(equals + 1, at + length - 1);
    const key = bytes.toString("utf8", space + 1, equals);
    if (!SPARSE.includes(key)) out[key] = value;
    else if (key !== SPARSE[map.length % 2] || value.includes(",")) throw malformed();
    else map.push(value.toString("latin1"));
    at += length;
  }
  if (map.length > 0) out["GNU.sparse.map"] = Buffer.from(map.join(","), "latin1");
  return out;
}
