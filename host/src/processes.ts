import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Exit codes that are not an error; [0] by default. */
  readonly accept?: readonly number[];
  /** Output past it ends the child; 64 MiB by default. */
  readonly maxOutput?: number;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end.
 * @throws {TsukubeError} `not-found` when there is no such program, `failed` for an exit code that is not accepted (with the
 * last lines of stderr), `signal` when it was killed.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = spawn(command, [...args], {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {}); // a child that does not read its input may close it first
  child.stdin.end(options.input ?? "");
  return finish(child, [command, ...args].join(" "), options);
}

function finish(child: ChildProcess, shown: string, options: RunOptions): Promise<RunResult> {
  const limit = options.maxOutput ?? 64 * 1024 * 1024;
  const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let size = 0;
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) child.kill("SIGKILL");
      else out[name].push(chunk);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "ENOENT" ? "not-found" : "failed";
      reject(new TsukubeError(code, `Cannot run "${shown}": ${cause.message}`, { cause }));
    });
    child.once("close", (code, signal) => {
      const stdout = Buffer.concat(out.stdout).toString("utf8");
      const stderr = Buffer.concat(out.stderr).toString("utf8");
      if (code === null) {
        reject(new TsukubeError("signal", `Cannot run "${shown}": killed by ${signal}`));
      } else if (!(options.accept ?? [0]).includes(code)) {
        const said = stderr.trim().split("\n").slice(-5).join("\n") || stdout.trim().split("\n").slice(-5).join("\n");
        reject(new TsukubeError("failed", `Cannot run "${shown}": exit code ${code}, expected 0: ${said}`));
      } else {
        resolve({ code, stdout, stderr });
      }
    });
  });
}

/** Identifies a process beyond the reuse of its pid: the start time in clock ticks since boot (proc(5), stat field 22). */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether the process that `startTime` was read from is still alive. */
export function isAlive(pid: number, startTime?: string): boolean {
  if (process.platform === "linux") {
    const now = startTimeOf(pid);
    return now !== undefined && (startTime === undefined || now === startTime);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
