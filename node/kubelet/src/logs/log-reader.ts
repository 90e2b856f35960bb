import { open } from "node:fs/promises";
import type { Clock } from "@tsukube/foundation";

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

/** Reads a container's log (CRI format: time, stream, P or F, text) as `kubectl logs` shows it. */
export async function* readLog(path: string, options: LogOptions, clock: Clock): AsyncGenerator<Uint8Array, void> {
  const file = await open(path, "r");
  try {
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    for (;;) {
      const wasRunning = options.isRunning();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, position);
      position += bytesRead;
      if (bytesRead > 0) {
        const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        const end = data.lastIndexOf(0x0a) + 1;
        rest = data.subarray(end);
        const shown = render(data.subarray(0, end), options);
        const cut = shown.subarray(0, Math.min(shown.length, left));
        left -= cut.length;
        if (cut.length > 0) yield cut;
        if (left <= 0) return;
        continue;
      }
      if (!options.follow || !wasRunning || options.signal.aborted) return;
      await clock.sleep(POLL_MS, options.signal).catch(() => {});
    }
  } finally {
    await file.close();
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

/** Where the last `lines` lines begin. */
async function tailStart(file: Awaited<ReturnType<typeof open>>, lines: number): Promise<number> {
  const { size } = await file.stat();
  let seen = 0;
  for (let end = size; end > 0; end -= CHUNK) {
    const start = Math.max(0, end - CHUNK);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let i = buffer.length - 1; i >= 0; i -= 1) {
      if (buffer[i] !== 0x0a || start + i === size - 1) continue;
      seen += 1;
      if (seen === lines) return start + i + 1;
    }
  }
  return lines === 0 ? size : 0;
}
