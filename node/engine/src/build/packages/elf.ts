import type { FileHandle } from "node:fs/promises";

/** A part of an ELF file. */
export interface ElfSection {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const SECTION = 64;
const MAX_SECTIONS = 1000;

/** The sections of a 64-bit little-endian ELF file (System V ABI, object files); [] for anything else. */
export async function elfSections(file: FileHandle): Promise<readonly ElfSection[]> {
  const header = await bytesAt(file, 0, 64);
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return [];
  const [size, count, names] = [header.readUInt16LE(58), header.readUInt16LE(60), header.readUInt16LE(62)];
  if (size !== SECTION || count > MAX_SECTIONS || names >= count) return [];
  const table = await bytesAt(file, Number(header.readBigUInt64LE(40)), size * count);
  if (table.length < size * count) return [];
  const at = (index: number) => ({
    name: table.readUInt32LE(index * size),
    offset: Number(table.readBigUInt64LE(index * size + 24)),
    size: Number(table.readBigUInt64LE(index * size + 32)),
  });
  const strings = await bytesAt(file, at(names).offset, Math.min(at(names).size, 64 * 1024));
  return Array.from({ length: count }, (_, index) => {
    const section = at(index);
    const end = strings.indexOf(0, section.name);
    return { ...section, name: strings.toString("latin1", section.name, end < 0 ? section.name : end) };
  });
}

/** Fewer at the end of the file. */
export async function bytesAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || offset < 0) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, offset);
  return buffer.subarray(0, bytesRead);
}
