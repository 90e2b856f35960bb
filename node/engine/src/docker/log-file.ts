import { existsSync, type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Clock } from "@tsukube/foundation";
import { nanosecondsIn } from "./time-in.ts";

/** A line of a container's log; what had no newline at its end comes without one. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, as conmon wrote it. */
  readonly time: string;
  readonly content: Buffer;
}

export interface LogWish {
  /** Only the last lines; all by default. */
  readonly tail?: number;
  /** Nanoseconds since the epoch. */
  readonly since?: bigint;
  readonly until?: bigint;
  /** Goes on with new lines until `ended` says that none will follow. */
  readonly follow?: { readonly ended: Promise<unknown>; readonly signal: AbortSignal };
}

const CHUNK = 64 * 1024;
/** Where the file system tells of no change. */
const LOOK_AGAIN_MS = 1000;

/**
 * Reads the log of a container (CRI's format: "TIME stdout F line"), with those of earlier rotations before it. Files are held open:
 * what rotations rename or remove meanwhile is read to its end.
 */
export async function* readLog(path: string, wish: LogWish, clock: Clock): AsyncGenerator<LogLine> {
  const fits = ({ time }: LogLine): boolean => {
    const { since, until } = wish;
    if (since === undefined && until === undefined) return true;
    const at = nanosecondsIn(time) ?? 0n;
    return (since === undefined || at >= since) && (until === undefined || at <= until);
  };
  const files = await openFiles(path);
  try {
    let position = 0;
    if (wish.tail === undefined) {
      for (const older of files.slice(0, -1)) yield* filtered(linesIn(older, 0).lines, fits);
    } else {
      const last = await lastLines(files, wish.tail);
      for (const line of last.lines) if (fits(line)) yield line;
      position = last.position;
    }
    const file = files.at(-1);
    const reader = file === undefined ? undefined : linesIn(file, position);
    if (reader !== undefined) yield* filtered(reader.lines, fits);
    if (wish.follow !== undefined)
      yield* follow(path, { file, position: reader?.position() ?? 0 }, wish.follow, fits, clock);
  } finally {
    for (const file of files) await file.close();
  }
}

async function* filtered(lines: AsyncIterable<LogLine>, fits: (line: LogLine) => boolean): AsyncGenerator<LogLine> {
  for await (const line of lines) if (fits(line)) yield line;
}

/** Where a follower is; without a file before the first line. */
interface Place {
  readonly file: FileHandle | undefined;
  readonly position: number;
}

async function* follow(
  path: string,
  from: Place,
  { ended, signal }: NonNullable<LogWish["follow"]>,
  fits: (line: LogLine) => boolean,
  clock: Clock,
): AsyncGenerator<LogLine> {
  let isOver = false;
  let wake = (): void => {};
  void ended
    .catch(() => {})
    .then(() => {
      isOver = true;
      wake();
    });
  const stop = (): void => wake();
  signal.addEventListener("abort", stop, { once: true });
  const watched = (): FSWatcher | undefined => {
    if (!existsSync(path)) return undefined;
    return watch(path, () => wake()).on("error", () => {});
  };
  let watcher = watched();
  const cancel = clock.every(LOOK_AGAIN_MS, () => wake(), { background: true });
  const opened: FileHandle[] = [];
  try {
    for (let place = from; !signal.aborted; ) {
      const isLast = isOver;
      const woken = new Promise<void>((resolve) => (wake = resolve)); // before reading: no change is missed
      const newer = await filesAfter(path, place.file); // before reading: where there are such, the file gets no more lines
      opened.push(...newer);
      for (const file of place.file === undefined ? newer : [place.file, ...newer]) {
        const reader = linesIn(file, file === place.file ? place.position : 0);
        yield* filtered(reader.lines, fits);
        if (file !== place.file && place.file !== from.file) await place.file?.close();
        place = { file, position: reader.position() };
      }
      if (isLast) return;
      if (newer.length > 0) {
        watcher?.close();
        watcher = watched();
        continue; // it may have grown before it was watched
      }
      if (!isOver) await woken;
    }
  } finally {
    watcher?.close();
    cancel();
    signal.removeEventListener("abort", stop);
    for (const file of opened) await file.close();
  }
}

/** The files that rotations have put after this one, the oldest first. */
async function filesAfter(path: string, file: FileHandle | undefined): Promise<readonly FileHandle[]> {
  if (file === undefined) return openFiles(path);
  const { ino } = await file.stat();
  const newest = await stat(path).catch(() => undefined);
  if (newest === undefined || newest.ino === ino) return [];
  const files = await openFiles(path);
  const inodes = await Promise.all(files.map(async (each) => (await each.stat()).ino));
  for (const older of files.splice(0, inodes.indexOf(ino) + 1)) await older.close();
  return files; // all of them where the file was removed: then it was the oldest
}

/** Whole lines from a place on. @returns them, and where the next one begins. A file that became shorter begins anew. */
function linesIn(file: FileHandle, from: number): { readonly lines: AsyncIterable<LogLine>; position(): number } {
  let position = from;
  async function* lines(): AsyncGenerator<LogLine> {
    if ((await file.stat()).size < position) position = 0;
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position + rest.length);
      if (bytesRead === 0) return;
      let data: Buffer = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
        const line = parseLine(data.subarray(0, end));
        position += end + 1;
        data = data.subarray(end + 1);
        if (line !== undefined) yield line;
      }
      rest = data;
    }
  }
  return { lines: lines(), position: () => position };
}

/** A log's files that are there, the oldest first, each once. */
async function openFiles(path: string): Promise<FileHandle[]> {
  const files: FileHandle[] = [];
  const inodes = new Set<number>();
  const named = (number: number): string => (number === 0 ? path : `${path}.${number}`);
  // from the newest on, as rotations go: none is passed by
  for (let number = 0; number === 0 || existsSync(named(number)); number++) {
    const file = await open(named(number), "r").catch(() => undefined);
    if (file === undefined) continue;
    const { ino } = await file.stat();
    if (inodes.has(ino)) await file.close();
    else files.unshift(file);
    inodes.add(ino);
  }
  return files;
}

/** The last `count` lines, which may lie in older files, and where in the newest to go on. */
async function lastLines(
  files: readonly FileHandle[],
  count: number,
): Promise<{ lines: readonly LogLine[]; position: number }> {
  let position = 0;
  let lines: LogLine[] = [];
  for (const file of files.toReversed()) {
    const { found, end } = await tailOf(file, count - lines.filter(isWhole).length);
    if (file === files.at(-1)) position = end;
    lines = [...found, ...lines];
    if (lines.filter(isWhole).length >= count) break;
  }
  return { lines: count === 0 ? [] : lines, position };
}

function isWhole({ content }: LogLine): boolean {
  return content.at(-1) === 10;
}

/** Reads a file from its end. */
async function tailOf(
  file: FileHandle,
  count: number,
): Promise<{ readonly found: readonly LogLine[]; readonly end: number }> {
  const { size } = await file.stat();
  let data: Buffer = Buffer.alloc(0);
  let at = size;
  while (at > 0 && countOf(data) <= count) {
    const length = Math.min(CHUNK, at);
    at -= length;
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
    data = Buffer.concat([buffer, data]);
  }
  const end = at + data.lastIndexOf(10) + 1;
  const texts = data
    .subarray(0, data.lastIndexOf(10) + 1)
    .toString("latin1")
    .split("\n")
    .slice(at > 0 ? 1 : 0, -1);
  const parsed = texts.flatMap((text) => parseLine(Buffer.from(text, "latin1")) ?? []);
  return { found: fromLastLines(parsed, count), end };
}

function countOf(data: Buffer): number {
  let count = 0;
  for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10, at + 1)) count++;
  return count;
}

/** Parts of a line belong together. */
function fromLastLines(lines: readonly LogLine[], count: number): readonly LogLine[] {
  if (count <= 0) return [];
  let left = count;
  for (let index = lines.length - 1; index >= 0; index--) {
    const isEnd = isWhole(lines[index] as LogLine) || index === lines.length - 1;
    if (isEnd && left-- === 0) return lines.slice(index + 1);
  }
  return lines;
}

function parseLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(32);
  const second = line.indexOf(32, first + 1);
  const third = line.indexOf(32, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString("latin1", first + 1, second);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const isPart = line.toString("latin1", second + 1, third).startsWith("P");
  const content = line.subarray(third + 1);
  return {
    stream,
    time: utcTime(line.toString("latin1", 0, first)),
    content: isPart ? Buffer.from(content) : Buffer.concat([content, Buffer.of(10)]),
  };
}

/** "2026-01-02T03:04:05.123456789+00:00" as Docker writes it. */
function utcTime(text: string): string {
  if (text.endsWith("+00:00")) return `${text.slice(0, -6)}Z`;
  const match = /^(.*T\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return text;
  return `${new Date(`${match[1]}${match[3]}`).toISOString().slice(0, 19)}${match[2] ?? ""}Z`;
}

/** Files of earlier rotations that are there, the oldest first. */
export function rotated(path: string): readonly string[] {
  const found: string[] = [];
  for (let number = 1; existsSync(`${path}.${number}`); number++) found.unshift(`${path}.${number}`);
  return found;
}
