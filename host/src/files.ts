import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { isAlive } from "./processes.ts";

let sequence = 0;

/**
 * Replaces a file so that a reader, or a machine that loses power, sees the old or the new content, never a part: temporary
 * file beside it, fsync, rename, fsync of the folder.
 * @param options.mode Permission bits; 0644 by default. Give 0600 for keys.
 * @param options.durable false skips both fsyncs: for what a reboot may lose.
 */
export async function writeAtomically(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly durable?: boolean } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${++sequence}.tmp`);
  try {
    const file = await open(temporary, "wx", options.mode ?? 0o644);
    try {
      await file.chmod(options.mode ?? 0o644);
      await file.writeFile(data);
      if (options.durable !== false) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (options.durable !== false) await syncFolder(folder);
}

const TEMPORARY = /^\.(.+?)\.(\d+)(?:\.\d+)?\.tmp$/;
/** Writing one takes less; its writer may be in another namespace of processes. */
const ABANDONED_MS = 60_000;

/** Removes what those left in a folder who died while they {@link writeAtomically}. @param of The file that they wrote; all by default. */
export async function removeAbandoned(folder: string, of?: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, written, pid] = TEMPORARY.exec(name) ?? [];
    if (pid === undefined || (of !== undefined && written !== of) || isAlive(Number(pid))) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

/** Makes the names in a folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder, and those above it that are missing, so that they survive a power loss. @param mode Of new ones; 0777 without the umask's by default. */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** The file's bytes, or undefined when there is none. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Writes a JSON value with a checksum in front, atomically and durably. For records that decide what a restart does.
 * Layout: crc32 as 8 hex digits, a space, the JSON text, a newline.
 */
export async function writeRecord(path: string, value: unknown, mode = 0o600): Promise<void> {
  const text = JSON.stringify(value);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, `${checksum(text)} ${text}\n`, { mode });
}

/** Reads what {@link writeRecord} wrote; undefined when there is no file. @throws {TsukubeError} `damaged`. */
export async function readRecord<T>(path: string): Promise<T | undefined> {
  const bytes = await readIfPresent(path);
  if (bytes === undefined) return undefined;
  const text = bytes.toString("utf8");
  const body = text.slice(9, -1);
  if (!text.endsWith("\n") || text.slice(0, 8) !== checksum(body)) {
    throw new TsukubeError(
      "damaged",
      `Cannot read record "${path}": its checksum does not match, expected a whole record; remove the file to forget it`,
    );
  }
  return JSON.parse(body) as T;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
