import { type FileHandle, open, stat } from "node:fs/promises";
import type { Clock } from "@tsukube/foundation";
import { logFilesOf } from "./log-files.ts";

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Undefined: all. */
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  /** ms since the epoch; lines before it are left out. */
  readonly since: number | undefined;
  readonly stream: "" | "Stdout" | "Stderr" | "All";
  readonly signal: AbortSignal;
  /** Whether more may still come. */
  isRunning(): boolean;
}

const CHUNK = 64 * 1024;
const POLL_MS = 100;

/**
 * Reads a container's log (CRI format: time, stream, P or F, text) as `kubectl logs` shows it, also what was rotated and what
 * is being rotated meanwhile.
 */
export async function* readLog(path: string, options: LogOptions, clock: Clock): AsyncGenerator<Uint8Array, void> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const most = options.follow ? undefined : options.tailLines;
  for await (const lines of firstOf(linesOf(path, options, clock), most)) {
    const shown = render(lines, options);
    const cut = shown.subarray(0, Math.min(shown.length, left));
    left -= cut.length;
    if (cut.length > 0) yield cut;
    if (left <= 0) return;
  }
}

/** At most so many lines: what is written after the end was looked for is no longer asked for. */
async function* firstOf(pieces: AsyncIterable<Buffer>, most = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer, void> {
  let left = most;
  for await (const piece of pieces) {
    let end = 0;
    while (end < piece.length && left > 0) {
      end = piece.indexOf(0x0a, end) + 1;
      left -= 1;
    }
    yield piece.subarray(0, end);
    if (left === 0) return;
  }
}

/** Whole lines, from where the last `tailLines` begin. */
async function* linesOf(path: string, options: LogOptions, clock: Clock): AsyncGenerator<Buffer, void> {
  const { files, position } = await beginningOf(path, options.tailLines);
  let from = position;
  for (const file of files) {
    const handle = await open(file, "r").catch(() => undefined);
    if (handle === undefined) continue; // removed meanwhile
    try {
      yield* file === path ? untilEnd(path, handle, from, options, clock) : wholeFile(handle, from);
    } finally {
      await handle.close();
    }
    from = 0;
  }
}

async function* wholeFile(file: FileHandle, from: number): AsyncGenerator<Buffer, void> {
  const reader = new LineReader(file, from);
  for (let lines = await reader.next(); lines !== undefined; lines = await reader.next()) yield lines;
}

/** The file that is written, and what takes its place when it is rotated, for as long as the reader wants to. */
async function* untilEnd(
  path: string,
  first: FileHandle,
  from: number,
  options: LogOptions,
  clock: Clock,
): AsyncGenerator<Buffer, void> {
  let file = first;
  let reader = new LineReader(file, from);
  try {
    for (;;) {
      const wasRunning = options.isRunning();
      const next = await successorOf(path, file);
      const lines = await reader.next();
      if (lines !== undefined) yield lines;
      else if (next !== undefined) {
        if (file !== first) await file.close();
        file = next;
        reader = new LineReader(file, 0);
        continue;
      } else {
        if (!options.follow || !wasRunning || options.signal.aborted) return;
        await clock.sleep(POLL_MS, options.signal).catch(() => {});
      }
      await next?.close();
    }
  } finally {
    if (file !== first) await file.close();
  }
}

/** The file that is written now, when it is another one: what ours lacks then will never come. */
async function successorOf(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const { ino } = await file.stat();
  const now = await stat(path).catch(() => undefined);
  return now === undefined || now.ino === ino ? undefined : open(path, "r").catch(() => undefined);
}

/** Reads a file in pieces that end with a line's end. */
class LineReader {
  readonly #file: FileHandle;
  #position: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** undefined: no more for now. */
  async next(): Promise<Buffer | undefined> {
    const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(CHUNK), 0, CHUNK, this.#position);
    if (bytesRead === 0) return undefined;
    this.#position += bytesRead;
    const data = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
    const end = data.lastIndexOf(0x0a) + 1;
    this.#rest = data.subarray(end);
    return data.subarray(0, end);
  }
}

function render(data: Buffer, options: LogOptions): Buffer {
  const out: string[] = [];
  for (const line of data.toString("utf8").split("\n")) {
    if (line === "") continue;
    const [time = "", stream = "", tag = ""] = line.split(" ", 3);
    if (options.since !== undefined && Date.parse(time) < options.since) continue;
    if (options.stream === "Stdout" && stream !== "stdout") continue;
    if (options.stream === "Stderr" && stream !== "stderr") continue;
    const text = line.slice(time.length + stream.length + tag.length + 3);
    // conmon writes UTC as "+00:00", Go's RFC3339Nano as "Z"
    out.push(options.timestamps ? `${time.replace("+00:00", "Z")} ${text}` : text, tag === "P" ? "" : "\n");
  }
  return Buffer.from(out.join(""));
}

interface Beginning {
  readonly files: readonly string[];
  /** In the first of them. */
  readonly position: number;
}

/** Where the last `lines` lines begin, looked for from the end backwards over the files. */
async function beginningOf(path: string, lines: number | undefined): Promise<Beginning> {
  const files = await logFilesOf(path);
  if (lines === undefined) return { files, position: 0 };
  let missing = lines;
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const file = await open(files[index] ?? "", "r").catch(() => undefined);
    if (file === undefined) continue;
    try {
      const found = await tailStart(file, missing);
      if (found.position !== undefined) return { files: files.slice(index), position: found.position };
      missing -= found.lines;
    } finally {
      await file.close();
    }
  }
  return { files, position: 0 };
}

/** Where the last `wanted` lines of a file begin; without a position it has fewer, `lines` of them. */
async function tailStart(file: FileHandle, wanted: number): Promise<{ lines: number; position?: number }> {
  const { size } = await file.stat();
  if (wanted === 0) return { lines: 0, position: size };
  let seen = 0;
  for (let end = size; end > 0; end -= CHUNK) {
    const start = Math.max(0, end - CHUNK);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let i = buffer.length - 1; i >= 0; i -= 1) {
      if (buffer[i] !== 0x0a || start + i === size - 1) continue;
      seen += 1;
      if (seen === wanted) return { lines: seen, position: start + i + 1 };
    }
  }
  const all = size === 0 ? 0 : seen + 1;
  return all === wanted ? { lines: all, position: 0 } : { lines: all };
}
