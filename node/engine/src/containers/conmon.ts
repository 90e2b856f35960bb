import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { type Clock, codeOf, TsukubeError } from "@tsukube/foundation";
import { startProgram } from "@tsukube/kernel";
import type { OciRuntime } from "./runtime.ts";

/** How long a conmon may take to accept clients. */
const ACCEPT_MS = 2000;
const ACCEPT_LOOK_MS = 1;

export interface ConmonOptions {
  readonly id: string;
  readonly bundle: string;
  readonly exitFolder: string;
  /** It keeps no log without one. */
  readonly logPath?: string;
  /** Bytes past which the log begins anew; it grows without limit by default. */
  readonly logLimit?: number;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Standard input survives the client that attached to it. */
  readonly leaveStdinOpen: boolean;
}

/**
 * Creates a container under conmon, which holds its streams, writes its log in the CRI's format and notes its exit, whatever
 * becomes of us. @returns the pid of the container's first process. @throws {TsukubeError} `create-failed` with the runtime's words.
 */
export async function createUnderConmon(runtime: OciRuntime, options: ConmonOptions): Promise<number> {
  const { id, bundle } = options;
  const log = options.logPath === undefined ? "none" : `k8s-file:${options.logPath}`;
  const args = ["-c", id, "-u", id, "-n", id, "-r", runtime.path, "-b", bundle, "-l", log];
  for (const arg of runtime.globalArgs) args.push("--runtime-arg", arg);
  args.push("-p", `${bundle}/pidfile`, "-P", `${bundle}/conmon.pid`, "--exit-dir", options.exitFolder);
  args.push("--persist-dir", `${bundle}/persist`, "--full-attach", "--no-new-keyring", "--log-level", "error");
  if (options.logLimit !== undefined) args.push("--log-size-max", String(options.logLimit));
  if (options.terminal) args.push("-t");
  if (options.stdin) args.push("-i");
  if (options.leaveStdinOpen) args.push("--leave-stdin-open");
  const stderr = openSync(`${bundle}/conmon.log`, "a", 0o600);
  const pipe = await startConmon(args, bundle, stderr);
  try {
    const { pid, message } = await firstMessage(pipe);
    if (pid > 0) return pid;
    // without the id: pods show the message, and one that differs each time would look like news each time
    throw new TsukubeError("create-failed", `Cannot run the container: ${message ?? "conmon ended without a word"}`);
  } finally {
    pipe.destroy();
  }
}

/** @returns the pipe on which it tells how the creation went. */
async function startConmon(args: readonly string[], cwd: string, stderr: number): Promise<Readable> {
  try {
    const { outputs, ended } = await startProgram("conmon", args, {
      descriptors: ["null", "null", stderr, "output"],
      detached: true,
      cwd, // where it leaves a file named oom, besides that in its folder
      env: { PATH: process.env["PATH"], _OCI_SYNCPIPE: "3" },
    });
    ended().catch(() => {}); // it forks and ends at once
    return outputs.get(3) as Readable;
  } finally {
    closeSync(stderr);
  }
}

/**
 * Sends a line to the control fifo of a container's conmon (conmon(8)): "1 ROWS COLUMNS" for its terminal, "2 0 0" for its log. Where
 * it has ended nobody reads: to wait for a reader would take a thread for ever.
 */
export function tellConmon(bundle: string, line: string): void {
  try {
    const fifo = openSync(`${bundle}/ctl`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fifo, `${line}\n`);
    } finally {
      closeSync(fifo);
    }
  } catch (error) {
    if (!["ENXIO", "ENOENT", "EPIPE"].includes(codeOf(error) ?? "")) throw error;
  }
}

/** The process that it made, as it notes it; undefined: none, or not yet. */
export function pidMade(bundle: string): number | undefined {
  const file = `${bundle}/pidfile`;
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** The pid of a container's conmon; undefined where that has ended: by now its pid may be another's. */
export function monitorOf(bundle: string, id: string): number | undefined {
  try {
    const pid = Number(readFileSync(`${bundle}/conmon.pid`, "utf8"));
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return basename(program) === "conmon" && args.includes(id) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Connects clients with a process, and resolves once it has accepted them, which its sockets tell; at once where they cannot be seen.
 * @param connect Connects as many as `clients` says.
 */
export async function accepted(
  pid: number | undefined,
  clients: number,
  connect: () => void,
  clock: Clock,
): Promise<void> {
  const before = socketsOf(pid);
  connect();
  if (before === undefined) return;
  for (const until = clock.now() + ACCEPT_MS; clock.now() < until; await clock.sleep(ACCEPT_LOOK_MS))
    if ((socketsOf(pid) ?? 0) >= before + clients) return;
}

function socketsOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return open.filter((what) => what.startsWith("socket:")).length;
  } catch {
    return undefined; // it ended, or closed one meanwhile
  }
}

/** conmon answers with one JSON object a line: {"pid":N}, or {"pid":-1,"message":…}. */
async function firstMessage(pipe: Readable): Promise<{ readonly pid: number; readonly message?: string }> {
  let text = "";
  for await (const chunk of pipe) {
    text += String(chunk);
    const end = text.indexOf("\n");
    if (end !== -1) return JSON.parse(text.slice(0, end)) as { pid: number; message?: string };
  }
  return { pid: -1 };
}
