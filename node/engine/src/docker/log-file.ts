import { existsSync, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "@tsukube/foundation";

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
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly until?: number;
  /** Goes on with new lines until `ended` says that none will follow. */
  readonly follow?: { readonly ended: Promise<unknown>; readonly signal: AbortSignal };
}

const CHUNK = 64 * 1024;
/** Where the file system tells of no change. */
const LOOK_AGAIN_MS = 1000;

/** Reads the log of a container (CRI's format: "TIME stdout F line"), with those of earlier rotations before it. */
export async function* readLog(path: string, wish: LogWish, clock: Clock): AsyncGenerator<LogLine> {
  const last = wish.tail === undefined ? undefined : await lastLines(path, wish.tail);
  let position = 0;
  const fits = ({ time }: LogLine): boolean => {
    if (wish.since === undefined && wish.until === undefined) return true;
    const at = Date.parse(time);
    return at >= (wish.since ?? 0) && at <= (wish.until ?? Number.POSITIVE_INFINITY);
  };
  if (last === undefined) {
    for (const older of rotated(path)) yield* filtered(linesIn(older, 0).lines, fits);
  } else {
    for (const line of last.lines) if (fits(line)) yield line;
    position = last.position;
  }
  const reader = linesIn(path, position);
  yield* filtered(reader.lines, fits);
  if (wish.follow !== undefined) yield* follow(path, reader.position(), wish.follow, fits, clock);
}

async function* filtered(lines: AsyncIterable<LogLine>, fits: (line: LogLine) => boolean): AsyncGenerator<LogLine> {
  for await (const line of lines) if (fits(line)) yield line;
}

async function* follow(
  path: string,
  from: number,
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
  const watcher = existsSync(path) ? watch(path, () => wake()) : undefined;
  watcher?.on("error", () => {});
  const cancel = clock.every(LOOK_AGAIN_MS, () => wake(), { background: true });
  try {
    for (let position = from; !signal.aborted; ) {
      const isLast = isOver;
      const woken = new Promise<void>((resolve) => (wake = resolve)); // before reading: no change is missed
      const reader = linesIn(path, position);
      for await (const line of reader.lines) if (fits(line)) yield line;
      position = reader.position();
      if (isLast) return;
      if (!isOver) await woken;
    }
  } finally {
    watcher?.close();
    cancel();
    signal.removeEventListener("abort", stop);
  }
}

/** Whole lines from a place on. @returns them, and where the next one begins. A file that became shorter begins anew. */
function linesIn(path: string, from: number): { readonly lines: AsyncIterable<LogLine>; position(): number } {
  let position = from;
  async function* lines(): AsyncGenerator<LogLine> {
    const file = await openIfPresent(path);
    if (file === undefined) return;
    try {
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
    } finally {
      await file.close();
    }
  }
  return { lines: lines(), position: () => position };
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch(() => undefined);
}

/** The last `count` lines, which may lie in older files, and where in the newest to go on. */
async function lastLines(path: string, count: number): Promise<{ lines: readonly LogLine[]; position: number }> {
  let position = 0;
  let lines: LogLine[] = [];
  for (const file of [...rotated(path), path].reverse()) {
    const { found, end } = await tailOf(file, count - lines.filter(isWhole).length);
    if (file === path) position = end;
    lines = [...found, ...lines];
    if (lines.filter(isWhole).length >= count) break;
  }
  return { lines: count === 0 ? [] : lines, position };
}

function isWhole({ content }: LogLine): boolean {
  return content.at(-1) === 10;
}

/** Reads a file from its end. */
async function tailOf(path: string, count: number): Promise<{ found: readonly LogLine[]; end: number }> {
  const file = await openIfPresent(path);
  if (file === undefined) return { found: [], end: 0 };
  try {
    const { size } = await file.stat();
    let data: Buffer = Buffer.alloc(0);
    let at = size;
    const enough = (): boolean => countOf(data) > count;
    while (at > 0 && !enough()) {
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
  } finally {
    await file.close();
  }
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
