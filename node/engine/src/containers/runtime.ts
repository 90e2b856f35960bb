import { closeSync, existsSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import type { RunResult } from "@tsukube/host";
import { run, sealedCopy, startProgram } from "@tsukube/kernel";
import { openRuntimeView } from "./runtime-view.ts";
import { BUSYBOX, insideChroot, runtimeWrapper } from "./runtime-wrapper.ts";

/** A command in a container. What its streams are depends on what was asked for. */
export interface RunningCommand {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** The runtime's, which waits for the command and leads a session. */
  readonly pid: number;
  /** Its exit code; 137 when it was killed with the runtime. */
  readonly exited: Promise<number>;
  /** Those that it writes to, as /proc names them ("pipe:[1]"), but for what nobody writes to any more. */
  pipes(): ReadonlySet<string>;
}

/** An OCI runtime: crun, or runc. */
export class OciRuntime {
  /** What is to make containers, as conmon does: it sees every mount of this machine as it is by then. */
  readonly path: string;
  /** What everything else is asked of: the same program, started in less time. */
  readonly #near: readonly string[];
  readonly globalArgs: readonly string[];
  readonly #held: readonly number[];

  private constructor(
    path: string,
    globalArgs: readonly string[],
    near: readonly string[] = [path],
    held: readonly number[] = [],
  ) {
    this.path = path;
    this.globalArgs = globalArgs;
    this.#near = near;
    this.#held = held;
  }

  /** @param hasCgroups Whether it may make control groups. @throws {TsukubeError} `not-found`, `unsupported`. */
  static async open(name: "crun" | "runc", folder: string, hasCgroups = true): Promise<OciRuntime> {
    const root = `${folder}/oci`;
    await mkdir(root, { recursive: true, mode: 0o700 });
    const program = await find(name);
    const globalArgs = ["--root", root, ...(hasCgroups ? [] : ["--cgroup-manager", "disabled"])];
    const hybridCgroups = name === "crun" && existsSync("/sys/fs/cgroup/unified");
    const isInChroot = await insideChroot();
    const script = runtimeWrapper(program, {
      busybox: existsSync(BUSYBOX),
      hybridCgroups,
      ...(isInChroot ? { oldRoot: `${folder}/outside` } : {}),
    });
    const path = script === undefined ? program : `${folder}/${name}-wrapper`;
    if (script !== undefined) await writeFile(path, script, { mode: 0o755 });
    if (name !== "crun" || isInChroot) return new OciRuntime(path, globalArgs);
    const copy = sealedCopy(program);
    const own = copy === undefined ? program : `/proc/${process.pid}/fd/${copy}`;
    const view = hybridCgroups ? await openRuntimeView([folder, program]) : undefined;
    const near = [...(view === undefined ? [] : view.enter), own];
    return new OciRuntime(
      path,
      globalArgs,
      near,
      [copy, view?.descriptor].filter((fd) => fd !== undefined),
    );
  }

  close(): void {
    for (const descriptor of this.#held) closeSync(descriptor);
  }

  run(args: readonly string[], accept?: readonly number[]): Promise<RunResult> {
    const [program = "", ...before] = this.#near;
    const all = [...before, ...this.globalArgs, ...args];
    return run(program, all, accept === undefined ? {} : { accept });
  }

  start(id: string): Promise<RunResult> {
    return this.run(["start", id]);
  }

  /** Removes the runtime's state and the container's cgroup; does nothing when they are gone. */
  async delete(id: string): Promise<void> {
    await this.run(["delete", "--force", id], [0, 1]);
  }

  /** Runs a process in a container; its standard streams are those given. @param oomScoreAdj Of the container: crun gives it to its first process alone. */
  async exec(
    id: string,
    processFile: string,
    pidFile: string,
    terminal: boolean,
    stdio: readonly ("input" | "output" | "null" | number)[],
    oomScoreAdj?: number,
  ): Promise<RunningCommand> {
    const [program = "", ...before] = this.#near;
    const flags = terminal ? ["--tty"] : [];
    const args = ["exec", ...flags, "--process", processFile, "--pid-file", pidFile, id];
    // the runtime gives the command none of its descriptors but these three: its end of the fourth is open as long as it lives
    const descriptors = [...stdio, "output"] as const;
    const started = await startProgram(program, [...before, ...this.globalArgs, ...args], {
      descriptors,
      detached: true,
    });
    const { inputs, outputs, pid, pipeOf } = started;
    if (oomScoreAdj !== undefined) adjustOomScore(pid, oomScoreAdj); // what it starts inherits it
    const end = async (): Promise<number> => {
      await closed(outputs.get(LIFELINE) as Readable);
      const end = await started.ended();
      return "code" in end ? end.code : KILLED;
    };
    return {
      stdin: inputs.get(0),
      stdout: outputs.get(1),
      stderr: outputs.get(2),
      pid,
      exited: end(),
      pipes: () => new Set([1, 2].map(pipeOf).filter((each) => each !== undefined)),
    };
  }

  /** @param file To write the resources to: crun opens what it reads by its name, which a pipe to it has none of. */
  async update(id: string, resources: object, file: string): Promise<void> {
    await writeFile(file, JSON.stringify(resources), { mode: 0o600 });
    await this.run(["update", "--resources", file, id]);
  }
}

const LIFELINE = 3;
const KILLED = 137;

function adjustOomScore(pid: number, value: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(value));
  } catch {
    // it has ended, or this process may give nobody less than it has itself
  }
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve).resume());
}

async function find(name: string): Promise<string> {
  const path = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin"]
    .map((folder) => `${folder}/${name}`)
    .find((file) => existsSync(file));
  if (path === undefined)
    throw new TsukubeError(
      "not-found",
      `Cannot find OCI runtime "${name}": not installed, expected the package ${name}`,
    );
  return path;
}
