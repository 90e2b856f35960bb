import { TsukubeError } from "@tsukube/foundation";
import type { TarEntry, TarType } from "./tar-reader.ts";

/** One entry to write; times in whole seconds. `path` of a directory ends with a slash. */
export type TarHeader = Pick<TarEntry, "path" | "type" | "mode" | "uid" | "gid" | "size" | "mtime"> &
  Partial<Pick<TarEntry, "linkPath" | "major" | "minor" | "xattrs">>;

const TAR_BLOCK = 512;
/** Two blocks of zeros end an archive. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);

const TYPES: Readonly<Record<TarType, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const NAME = 100;
const PREFIX = 155;
const SEVEN_DIGITS = 0o7777777;
const ELEVEN_DIGITS = 0o77777777777;

/** Zeros that fill up the last block of a body of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return TAR_END.subarray(0, (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

/**
 * The header of an entry: ustar (POSIX.1-1988), after a pax header (POSIX.1-2001) for what does not fit into it.
 * The same entry gives the same bytes.
 * @throws {TsukubeError} `unsupported` for a name that no header can carry.
 */
export function tarHeader(entry: TarHeader): Buffer {
  const path = splitPath(entry.path);
  const linkPath = entry.linkPath ?? "";
  const records: [string, string | Buffer][] = [];
  if (path === undefined) records.push(["path", entry.path]);
  if (!fits(linkPath, NAME)) records.push(["linkpath", linkPath]);
  if (entry.uid > SEVEN_DIGITS) records.push(["uid", String(entry.uid)]);
  if (entry.gid > SEVEN_DIGITS) records.push(["gid", String(entry.gid)]);
  if (entry.size > ELEVEN_DIGITS) records.push(["size", String(entry.size)]);
  if (entry.mtime < 0 || entry.mtime > ELEVEN_DIGITS) records.push(["mtime", String(entry.mtime)]);
  for (const name of Object.keys(entry.xattrs ?? {}).sort())
    records.push([`SCHILY.xattr.${name}`, entry.xattrs?.[name] as Buffer]);
  const own = block({ ...entry, linkPath: fits(linkPath, NAME) ? linkPath : "" }, TYPES[entry.type], path);
  return records.length === 0 ? own : Buffer.concat([paxHeader(records), own]);
}

function paxHeader(records: readonly (readonly [string, string | Buffer])[]): Buffer {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const entry = { path: "", type: "file", mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0 } as const;
  return Buffer.concat([block(entry, "x", { prefix: "", name: "PaxHeaders.0/entry" }), body, tarPadding(body.length)]);
}

/** "<length> <key>=<value>\n", where the length counts its own digits. */
function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length > String(rest.length).length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function block(entry: TarHeader, type: string, path: SplitPath | undefined): Buffer {
  const out = Buffer.alloc(TAR_BLOCK);
  out.write(path?.name ?? "entry", 0, NAME, "latin1");
  octal(out, 100, 8, entry.mode & 0o7777);
  octal(out, 108, 8, entry.uid > SEVEN_DIGITS ? 0 : entry.uid);
  octal(out, 116, 8, entry.gid > SEVEN_DIGITS ? 0 : entry.gid);
  octal(out, 124, 12, entry.size > ELEVEN_DIGITS ? 0 : entry.size);
  octal(out, 136, 12, entry.mtime < 0 || entry.mtime > ELEVEN_DIGITS ? 0 : entry.mtime);
  out.write(type, 156, "latin1");
  out.write(entry.linkPath ?? "", 157, NAME, "latin1");
  out.write("ustar\x0000", 257, "latin1");
  octal(out, 329, 8, entry.major ?? 0);
  octal(out, 337, 8, entry.minor ?? 0);
  out.write(path?.prefix ?? "", 345, PREFIX, "latin1");
  out.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return out;
}

function octal(out: Buffer, offset: number, length: number, value: number): void {
  out.write(value.toString(8).padStart(length - 1, "0"), offset, "latin1");
}

interface SplitPath {
  readonly prefix: string;
  readonly name: string;
}

/** ustar holds 100 bytes of name below 155 bytes of folders; undefined when a path does not fit so. */
function splitPath(path: string): SplitPath | undefined {
  if (path.includes("\0") || path === "")
    throw new TsukubeError("unsupported", `Cannot archive "${path}": no archive can carry this name`);
  if (fits(path, NAME)) return { prefix: "", name: path };
  if (!fits(path, NAME + 1 + PREFIX)) return undefined;
  const slash = path.indexOf("/", path.length - NAME - 1);
  if (slash <= 0 || slash > PREFIX || slash === path.length - 1) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** What is not ASCII goes into a pax header, whose encoding is known. */
function fits(text: string, length: number): boolean {
  return text.length <= length && /^[\x20-\x7e]*$/.test(text);
}
