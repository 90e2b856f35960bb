/**
 * Snapshots: all records of one revision in a file that says when it is damaged.
 *
 * Layout: magic; frames of length (32 bits, of what follows), type (8 bits) and body. The first frame is about the snapshot (JSON), then one for
 * each record, then the end: how many records, and the SHA-256 of everything before it.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { removeAbandoned, syncFolder } from "@tsukube/host";
import type { StoredRecord } from "./store.ts";

const SNAPSHOT_FORMAT = 1;

/** What a snapshot says of itself. */
export interface SnapshotInfo {
  readonly format: number;
  /** The cluster it is of. */
  readonly cluster: string;
  /** The revision whose state it is. */
  readonly revision: number;
  /** RFC 3339. */
  readonly time: string;
  /** The store it is of: values lie as they lay there, encrypted ones too. */
  readonly store: "file" | "etcd";
}

export interface SnapshotRecord extends StoredRecord {
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresAt: number;
}

export interface SnapshotSummary extends SnapshotInfo {
  readonly records: number;
  readonly bytes: number;
  readonly sha256: string;
}

const MAGIC = Buffer.from("tsukube-snapshot\n");
const TYPES = { info: 1, record: 2, end: 3 } as const;
const HEADER = 30;
const CHUNK = 1024 * 1024;

/** Writes a snapshot beside its place and moves it there when it is whole and durable; what was there before stays until then. */
export class SnapshotWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #hash = createHash("sha256");
  #parts: Buffer[] = [];
  #waiting = 0;
  #bytes = 0;
  #records = 0;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async create(path: string, info: Omit<SnapshotInfo, "format">): Promise<SnapshotWriter> {
    await removeAbandoned(dirname(path), basename(path));
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    const writer = new SnapshotWriter(path, temporary, await openNew(path, temporary));
    writer.#add(MAGIC);
    writer.#frame(TYPES.info, Buffer.from(JSON.stringify({ format: SNAPSHOT_FORMAT, ...info })));
    return writer;
  }

  async record(record: SnapshotRecord): Promise<void> {
    const key = Buffer.from(record.key);
    const head = Buffer.alloc(HEADER);
    head.writeUInt16BE(key.length, 0);
    head.writeDoubleBE(record.revision, 2);
    head.writeDoubleBE(record.createRevision, 10);
    head.writeDoubleBE(record.expiresAt, 18);
    head.writeUInt32BE(record.index.length, 26);
    this.#frame(TYPES.record, Buffer.concat([head, key, record.index, record.value]));
    this.#records += 1;
    if (this.#waiting > CHUNK) await this.#flush();
  }

  async finish(): Promise<{ readonly records: number; readonly bytes: number }> {
    await this.#flush();
    const end = { records: this.#records, sha256: this.#hash.digest("hex") };
    const frame = frameOf(TYPES.end, Buffer.from(JSON.stringify(end)));
    await this.#write(frame);
    try {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#temporary, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (cause) {
      throw unsaved(this.#path, cause);
    }
    return { records: this.#records, bytes: this.#bytes + frame.length };
  }

  async discard(): Promise<void> {
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  #frame(type: number, body: Buffer): void {
    this.#add(frameOf(type, body));
  }

  #add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#waiting += bytes.length;
    this.#bytes += bytes.length;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#waiting = 0;
    this.#hash.update(bytes);
    await this.#write(bytes);
  }

  /** All of it: one call of the system may take a part. */
  async #write(bytes: Buffer): Promise<void> {
    try {
      await this.#file.writeFile(bytes);
    } catch (cause) {
      throw unsaved(this.#path, cause);
    }
  }
}

function unsaved(path: string, cause: unknown): TsukubeError {
  const why = codeOf(cause) === "ENOSPC" ? "no space left on its file system" : messageOf(cause);
  return new TsukubeError("failed", `Cannot save "${path}": ${why}; make room there or save to another place`, {
    cause,
  });
}

/** @throws {TsukubeError} `usage` where no file can be. */
async function openNew(path: string, temporary: string): Promise<FileHandle> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) throw new TsukubeError("usage", `Cannot save "${path}": it is a folder, expected the name of a file`);
  return open(temporary, "w", 0o600).catch((cause: unknown) => {
    const why = codeOf(cause) === "ENOENT" ? "its folder is not there" : (codeOf(cause) ?? messageOf(cause));
    throw new TsukubeError("usage", `Cannot save "${path}": ${why}, expected a folder that can be written to`);
  });
}

/**
 * Reads a snapshot. Only when this returns was everything as it was written: records are shown before that.
 * @throws {TsukubeError} `not-found`, `usage`, `damaged`, `newer-state`.
 */
export async function readSnapshot(
  path: string,
  visit: (record: SnapshotRecord, info: SnapshotInfo) => void | Promise<void> = () => {},
): Promise<SnapshotSummary> {
  const hash = createHash("sha256");
  let info: SnapshotInfo | undefined;
  let bytes = 0;
  let records = 0;
  for await (const { type, body, raw } of frames(path)) {
    bytes += raw.length;
    if (type === TYPES.end) {
      const end = parse(path, body) as { readonly records: number; readonly sha256: string };
      const sha256 = hash.digest("hex");
      if (info === undefined || end.records !== records || end.sha256 !== sha256)
        throw damaged(path, "its checksum differs");
      return { ...info, records, bytes, sha256 };
    }
    hash.update(raw);
    if (type === TYPES.info) info = checked(path, parse(path, body));
    else if (type === TYPES.record && info !== undefined) {
      records += 1;
      await visit(recordIn(path, body), info);
    } else if (raw !== MAGIC) throw damaged(path, `a frame of type ${type} is none of a snapshot`);
  }
  throw damaged(path, "it ends early");
}

interface Frame {
  readonly type: number;
  readonly body: Buffer;
  /** The whole frame. */
  readonly raw: Buffer;
}

const NOTHING = Buffer.alloc(0);

async function* frames(path: string): AsyncGenerator<Frame, void> {
  let waiting: Buffer = NOTHING;
  let isBegun = false;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
      waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
      if (!isBegun && waiting.length >= MAGIC.length) {
        if (!waiting.subarray(0, MAGIC.length).equals(MAGIC)) throw notOne(path);
        yield { type: 0, body: NOTHING, raw: MAGIC };
        waiting = waiting.subarray(MAGIC.length);
        isBegun = true;
      }
      while (isBegun && waiting.length >= 4) {
        const end = 4 + waiting.readUInt32BE(0);
        if (waiting.length < end || end < 5) break;
        yield { type: waiting[4]!, body: waiting.subarray(5, end), raw: waiting.subarray(0, end) };
        waiting = waiting.subarray(end);
      }
    }
  } catch (cause) {
    throw cause instanceof TsukubeError ? cause : unreadable(path, cause);
  }
  if (!isBegun) throw notOne(path);
}

function frameOf(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length + 1, 0);
  head[4] = type;
  return Buffer.concat([head, body]);
}

function recordIn(path: string, body: Buffer): SnapshotRecord {
  if (body.length < HEADER) throw damaged(path, "a record is too short");
  const keyEnd = HEADER + body.readUInt16BE(0);
  const indexEnd = keyEnd + body.readUInt32BE(26);
  if (indexEnd > body.length) throw damaged(path, "a record is too short");
  return {
    key: body.toString("utf8", HEADER, keyEnd),
    revision: body.readDoubleBE(2),
    createRevision: body.readDoubleBE(10),
    expiresAt: body.readDoubleBE(18),
    index: body.subarray(keyEnd, indexEnd),
    value: body.subarray(indexEnd),
  };
}

function parse(path: string, body: Buffer): object {
  try {
    return JSON.parse(body.toString()) as object;
  } catch (cause) {
    throw damaged(path, "it cannot be parsed", cause);
  }
}

function checked(path: string, value: object): SnapshotInfo {
  const info = value as SnapshotInfo;
  if (info.format <= SNAPSHOT_FORMAT) return info;
  throw new TsukubeError(
    "newer-state",
    `Cannot read snapshot "${path}": format ${info.format}, expected at most ${SNAPSHOT_FORMAT}; use the tsukube that wrote it, or a newer one`,
  );
}

function unreadable(path: string, cause: unknown): TsukubeError {
  if (codeOf(cause) === "ENOENT")
    return new TsukubeError("not-found", `Cannot read "${path}": no such file, expected a snapshot`);
  const why = codeOf(cause) === "EISDIR" ? "it is a folder" : messageOf(cause);
  return new TsukubeError("usage", `Cannot read "${path}": ${why}, expected a snapshot`);
}

function notOne(path: string): TsukubeError {
  return new TsukubeError(
    "damaged",
    `Cannot read "${path}": not a snapshot, expected a file written by "tsukube snapshot save"`,
  );
}

function damaged(path: string, what: string, cause?: unknown): TsukubeError {
  const remedy = "expected what was saved; nothing of it was used: take another snapshot";
  return new TsukubeError("damaged", `Cannot read snapshot "${path}": ${what}, ${remedy}`, { cause });
}
