import { closeSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import { type RunOptions, type RunResult, realClock } from "@tsukube/host";
import { check, libc, libcAside } from "./libc.ts";

/**
 * Programs started with posix_spawn(3). Node's own spawn() forks, which copies the page tables of this process: 10 ms at 250 MB,
 * in which nothing else can happen. This one shares them until the program runs (CLONE_VFORK): below a millisecond at any size, or
 * some when the processors are busy, for which a thread waits that is not ours.
 */
export interface Program {
  readonly pid: number;
  /** Our ends of the pipes asked for, by the program's descriptor. */
  readonly inputs: ReadonlyMap<number, Writable>;
  readonly outputs: ReadonlyMap<number, Readable>;
  /** The pipe of an output, as /proc names it; undefined when all of it is read. */
  pipeOf(descriptor: number): string | undefined;
  /** Waits for the end, which is near: call it when the outputs have ended. @returns the exit code, or the signal's number. */
  ended(): Promise<{ readonly code: number } | { readonly signal: number }>;
}

/** What a descriptor of the program is: one of ours, nothing, or a pipe that it reads or writes. */
export type Descriptor = number | "null" | "input" | "output";

export interface ProgramOptions {
  /** By number, without a gap from 0. */
  readonly descriptors: readonly Descriptor[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** In a session of its own, so that what ends ours leaves it (setsid(2)). */
  readonly detached?: boolean;
}

const PIPE2 = "int pipe2(_Out_ int *fds, int flags)";
const SPAWN =
  "int posix_spawnp(_Out_ int *pid, const char *file, uint8_t *actions, uint8_t *attributes, const char **argv, const char **envp)";
const ACTIONS_INIT = "int posix_spawn_file_actions_init(_Inout_ uint8_t *actions)";
const ACTIONS_DESTROY = "int posix_spawn_file_actions_destroy(_Inout_ uint8_t *actions)";
const ADD_DUP2 = "int posix_spawn_file_actions_adddup2(_Inout_ uint8_t *actions, int fd, int newfd)";
const ADD_OPEN =
  "int posix_spawn_file_actions_addopen(_Inout_ uint8_t *actions, int fd, const char *path, int flags, uint32_t mode)";
const ADD_CHDIR = "int posix_spawn_file_actions_addchdir_np(_Inout_ uint8_t *actions, const char *path)";
const ADD_CLOSE_FROM = "int posix_spawn_file_actions_addclosefrom_np(_Inout_ uint8_t *actions, int fd)";
const ATTR_INIT = "int posix_spawnattr_init(_Inout_ uint8_t *attributes)";
const ATTR_DESTROY = "int posix_spawnattr_destroy(_Inout_ uint8_t *attributes)";
const SET_FLAGS = "int posix_spawnattr_setflags(_Inout_ uint8_t *attributes, int16_t flags)";
const SET_DEFAULTS = "int posix_spawnattr_setsigdefault(_Inout_ uint8_t *attributes, const uint8_t *set)";
const WAITPID = "int waitpid(int pid, _Out_ int *status, int options)";

/** Sizes of glibc's types, rounded up; sigset_t has 1024 bits. */
const ACTIONS_BYTES = 256;
const ATTRIBUTES_BYTES = 512;
const SIGNAL_SET = new Uint8Array(128).fill(0xff);
const O_CLOEXEC = 0o2000000;
const O_RDWR = 2;
const SET_SIGNAL_DEFAULTS = 0x04;
const SET_SESSION = 0x80;
const WNOHANG = 1;
const ENOENT = 2;
const LONGEST_POLL_MS = 50;

/** @throws {TsukubeError} `not-found` when there is no such program, `failed`. */
export async function startProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<Program> {
  const theirs: number[] = [];
  const actions = new Uint8Array(ACTIONS_BYTES);
  check(libc(ACTIONS_INIT)(actions), "prepare a program");
  const inputs = new Map<number, Writable>();
  const outputs = new Map<number, Readable>();
  const ends = new Map<number, number>();
  try {
    for (const [number, descriptor] of options.descriptors.entries()) {
      if (descriptor === "null") libc(ADD_OPEN)(actions, number, "/dev/null", O_RDWR, 0);
      else if (typeof descriptor === "number") libc(ADD_DUP2)(actions, descriptor, number);
      else {
        const [reading, writing] = pipe();
        const [own, other] = descriptor === "input" ? [writing, reading] : [reading, writing];
        theirs.push(other);
        libc(ADD_DUP2)(actions, other, number);
        if (descriptor === "input") inputs.set(number, new Socket({ fd: own, readable: false, writable: true }));
        else outputs.set(number, new Socket({ fd: own, readable: true, writable: false }));
        ends.set(number, own);
      }
    }
    libc(ADD_CLOSE_FROM)(actions, options.descriptors.length); // what whoever started us left open
    if (options.cwd !== undefined) libc(ADD_CHDIR)(actions, options.cwd);
    const pid = await spawned(command, args, actions, options);
    const pipeOf = (descriptor: number): string | undefined =>
      outputs.get(descriptor)?.destroyed === false ? readlinkSync(`/proc/self/fd/${ends.get(descriptor)}`) : undefined;
    return { pid, inputs, outputs, pipeOf, ended: () => ended(pid) };
  } catch (error) {
    for (const stream of [...inputs.values(), ...outputs.values()]) stream.destroy();
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
    libc(ACTIONS_DESTROY)(actions);
  }
}

/** As the `run` of host/, without its cost: see {@link Program}. `signal` ends it with SIGKILL. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const shown = [command, ...args].join(" ");
  const program = await startProgram(command, args, { ...options, descriptors: ["input", "output", "output"] });
  const kill = (): void => void process.kill(program.pid, "SIGKILL");
  options.signal?.addEventListener("abort", kill, { once: true });
  if (options.signal?.aborted === true) kill();
  try {
    const stdin = program.inputs.get(0);
    stdin?.on("error", () => {}); // it may end without reading everything
    stdin?.end(options.input ?? "");
    const limit = { left: options.maxOutput ?? 64 * 1024 * 1024, kill };
    const [stdout, stderr] = await Promise.all([1, 2].map((fd) => textOf(program.outputs.get(fd), limit)));
    return judged(shown, await program.ended(), stdout ?? "", stderr ?? "", options.accept ?? [0]);
  } finally {
    options.signal?.removeEventListener("abort", kill);
  }
}

function judged(
  shown: string,
  end: Awaited<ReturnType<Program["ended"]>>,
  stdout: string,
  stderr: string,
  accepted: readonly number[],
): RunResult {
  if ("signal" in end) throw new TsukubeError("signal", `Cannot run "${shown}": killed by signal ${end.signal}`);
  if (accepted.includes(end.code)) return { code: end.code, stdout, stderr };
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-5).join("\n");
  throw new TsukubeError("failed", `Cannot run "${shown}": exit code ${end.code}, expected 0: ${said}`);
}

async function textOf(stream: Readable | undefined, limit: { left: number; kill(): void }): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream ?? []) {
    limit.left -= (part as Buffer).length;
    if (limit.left < 0) limit.kill();
    else parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

async function spawned(
  command: string,
  args: readonly string[],
  actions: Uint8Array,
  options: ProgramOptions,
): Promise<number> {
  const attributes = new Uint8Array(ATTRIBUTES_BYTES);
  libc(ATTR_INIT)(attributes);
  libc(SET_DEFAULTS)(attributes, SIGNAL_SET); // Node ignores SIGPIPE; a program must not inherit that
  libc(SET_FLAGS)(attributes, SET_SIGNAL_DEFAULTS | (options.detached === true ? SET_SESSION : 0));
  const env = Object.entries(options.env ?? process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const pid = new Int32Array(1);
  const failed = await libcAside(SPAWN)(pid, command, actions, attributes, [command, ...args, null], [...env, null]);
  libc(ATTR_DESTROY)(attributes);
  if (failed === 0) return pid[0] as number;
  const what = failed === ENOENT ? "no such program" : `the kernel answered errno ${failed}`;
  throw new TsukubeError(
    failed === ENOENT ? "not-found" : "failed",
    `Cannot run "${[command, ...args].join(" ")}": ${what}`,
  );
}

function pipe(): readonly [reading: number, writing: number] {
  const fds = new Int32Array(2);
  check(libc(PIPE2)(fds, O_CLOEXEC), "make a pipe");
  return [fds[0] as number, fds[1] as number];
}

/** Nobody else waits for it: libuv asks only for its own children. */
async function ended(pid: number): Promise<{ readonly code: number } | { readonly signal: number }> {
  const status = new Int32Array(1);
  for (let wait = 0.5; check(libc(WAITPID)(pid, status, WNOHANG), `wait for process ${pid}`) === 0; wait *= 2)
    await realClock.sleep(Math.min(wait, LONGEST_POLL_MS));
  const value = status[0] as number;
  const signal = value & 0x7f; // WTERMSIG
  return signal === 0 ? { code: (value >> 8) & 0xff } : { signal };
}
