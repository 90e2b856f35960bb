import { type FileHandle, open } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";
import { bytesAt } from "./elf.ts";

/** Where the bytes of an archive are read: a file, or memory. */
type Source = (offset: number, size: number) => Promise<Buffer>;

export interface ZipEntry {
  readonly name: string;
  /** The content. @param most Larger ones are empty. */
  read(most: number): Promise<Buffer>;
}

const END = 22;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 64 * 1024 * 1024;

/** The entries of a ZIP archive on disk; [] for what is none (APPNOTE.TXT, 4.3.12 and 4.3.16). */
export async function withZip<T>(path: string, work: (entries: readonly ZipEntry[]) => Promise<T>): Promise<T> {
  const file: FileHandle = await open(path);
  try {
    const { size } = await file.stat();
    return await work(await entriesOf((offset, count) => bytesAt(file, offset, count), size));
  } finally {
    await file.close();
  }
}

/** The entries of an archive within one. */
export function zipEntries(bytes: Buffer): Promise<readonly ZipEntry[]> {
  return entriesOf(async (offset, size) => bytes.subarray(offset, offset + size), bytes.length);
}

async function entriesOf(source: Source, size: number): Promise<readonly ZipEntry[]> {
  const tailAt = Math.max(0, size - END - MAX_COMMENT);
  const tail = await source(tailAt, size - tailAt);
  const end = tail.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0 || end + END > tail.length) return [];
  const [directorySize, directoryAt] = [tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  if (directorySize > MAX_DIRECTORY) return [];
  const directory = await source(directoryAt, directorySize);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    const [nameSize, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const place = {
      method: directory.readUInt16LE(at + 10),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      at: directory.readUInt32LE(at + 42),
    };
    const name = directory.toString("utf8", at + 46, at + 46 + nameSize);
    entries.push({ name, read: (most) => contentOf(source, place, most) });
    at += 46 + nameSize + extra + comment;
  }
  return entries;
}

async function contentOf(
  source: Source,
  { method, packed, size, at }: { method: number; packed: number; size: number; at: number },
  most: number,
): Promise<Buffer> {
  const header = await source(at, 30);
  if (header.length < 30 || packed > most || size > most) return Buffer.alloc(0);
  const bytes = await source(at + 30 + header.readUInt16LE(26) + header.readUInt16LE(28), packed);
  if (method === 0) return bytes;
  try {
    return method === 8 ? inflateRawSync(bytes, { maxOutputLength: most }) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}
