import type { Readable, Writable } from "node:stream";
import { messageOf } from "@tsukube/foundation";

/** A process with streams, as a client sees it. */
export interface StreamedProcess {
  readonly stdin?: Writable;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  resize(columns: number, rows: number): void;
  /** Its exit code. */
  readonly exited: Promise<number>;
  /** On this machine; 0 while it is not known. */
  pid?(): number;
  /** The client is gone. */
  kill(): void;
}

/** The streams that a client asked for. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export type OpenProcess = () => Promise<StreamedProcess>;

/** Takes output; resolves when more may follow. */
export type Sink = (chunk: Buffer) => Promise<void>;

/** Forwards the output of a process until it ended. @returns its outcome as a Status (meta.k8s.io). */
export async function pump(process: StreamedProcess, stdout: Sink, stderr: Sink): Promise<ProcessStatus> {
  try {
    const outputs = Promise.all([forward(process.stdout, stdout), forward(process.stderr, stderr)]);
    const code = await process.exited;
    await outputs;
    return code === 0 ? { metadata: {}, status: "Success" } : failureOf(code);
  } catch (error) {
    return statusOf(error);
  }
}

async function forward(stream: Readable | undefined, sink: Sink): Promise<void> {
  try {
    for await (const chunk of stream ?? []) await sink(chunk as Buffer);
  } catch {
    // a terminal ends with EIO
  }
}

export interface ProcessStatus {
  readonly metadata: object;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** The Status of a process that failed, as clients read its exit code. */
function failureOf(code: number): ProcessStatus {
  return {
    metadata: {},
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: ${code}`,
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** The Status of a process that could not be run. */
export function statusOf(error: unknown): ProcessStatus {
  return { metadata: {}, status: "Failure", reason: "InternalError", message: messageOf(error), code: 500 };
}

/** What the error stream carries: a Status from version 4 on; before it, words in case of failure. */
export function formatStatus(status: ProcessStatus, structured: boolean): string {
  if (structured) return JSON.stringify(status);
  return status.status === "Success" ? "" : (status.message ?? "failed");
}

/** A resize event: {"Width":…,"Height":…}. Anything else is ignored. */
export function resizeTo(process: StreamedProcess, text: string): void {
  try {
    const size = JSON.parse(text) as { Width?: unknown; Height?: unknown } | null;
    const columns = Number(size?.Width);
    const rows = Number(size?.Height);
    if (columns > 0 && rows > 0) process.resize(columns, rows);
  } catch {
    // a client's nonsense must not end the session
  }
}
