import { Transform } from "node:stream";
import { codeOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { ExecResult } from "../../containers/container-execs.ts";
import type { Containers } from "../../containers/containers.ts";
import type { StreamedProcess } from "../../streaming/streamed-process.ts";
import type { DockerEvents } from "../events.ts";
import { keysOf } from "../hijack.ts";
import { type DockerContainer, isRunning } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";
import { startFailure } from "./start-errors.ts";

/** The body of `POST /containers/ID/exec` (ExecConfig). */
export interface ExecDocument {
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly DetachKeys?: string;
  readonly Tty?: boolean;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Privileged?: boolean;
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ConsoleSize?: readonly number[] | null;
}

/** A command that was asked for in a container. Nothing of it outlives the engine. */
export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly wish: ExecDocument;
  isStarted?: boolean;
  process?: StreamedProcess;
  exitCode?: number;
}

interface Deps {
  readonly containers: Containers;
  readonly store: ContainerStore;
  readonly events: DockerEvents;
  readonly random: Random;
}

/** The exit code of a command that did not come to run. */
const CANNOT_START = 126;
const KILLED = 137;
/** Those that ended are kept until there are so many. */
const KEPT = 1000;

/** Commands in containers: created, started once, and looked at later. */
export class ExecStore {
  readonly #deps: Deps;
  readonly #execs = new Map<string, Exec>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  create(container: DockerContainer, wish: ExecDocument): Exec {
    assertRunning(container);
    if ((wish.Cmd ?? []).length === 0) throw new TsukubeError("invalid", "No exec command specified");
    keysOf(wish.DetachKeys ?? "");
    const id = Buffer.from(this.#deps.random.bytes(32)).toString("hex");
    const exec: Exec = { id, containerId: container.id, wish };
    this.#deps.containers.expectExec();
    this.#execs.set(id, exec);
    const over = [...this.#execs.values()].find(({ exitCode }) => exitCode !== undefined);
    if (this.#execs.size > KEPT && over !== undefined) this.#execs.delete(over.id);
    this.#publish("exec_create", exec);
    return exec;
  }

  get(id: string): Exec {
    const exec = this.#execs.get(id);
    if (exec === undefined) throw new TsukubeError("not-found", `No such exec instance: ${id}`);
    return exec;
  }

  /** Of the commands in a container that run. */
  runningIn(containerId: string): readonly string[] {
    return [...this.#execs.values()]
      .filter((exec) => exec.containerId === containerId && isBusy(exec))
      .map(({ id }) => id);
  }

  async start(id: string, size?: readonly [columns: number, rows: number]): Promise<StreamedProcess> {
    const exec = this.get(id);
    const container = this.#deps.store.get(exec.containerId);
    assertRunning(container);
    if (exec.isStarted === true)
      throw new TsukubeError(
        "conflict",
        `exec process is ${isBusy(exec) ? "already running" : "already stopped"}: ${id}`,
      );
    exec.isStarted = true;
    const { Cmd, Tty = false, AttachStdin = false, User, Env, WorkingDir, Privileged } = exec.wish;
    if (WorkingDir && !WorkingDir.startsWith("/")) {
      this.#note(exec, CANNOT_START);
      throw new TsukubeError(
        "exec-failed",
        "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown",
      );
    }
    const given = sizeOf(exec.wish.ConsoleSize);
    const begun = this.#deps.containers.exec(container.id, Cmd ?? [], {
      terminal: Tty,
      stdin: AttachStdin,
      groups: container.hostConfig.GroupAdd ?? [],
      env: Env ?? [],
      ...(User ? { user: User } : {}),
      ...(WorkingDir ? { workingDirectory: WorkingDir } : {}),
      ...(Privileged === true ? { privileged: true } : {}),
      ...((size ?? given) === undefined ? {} : { size: (size ?? given) as readonly [number, number] }),
    });
    const process = await begun.catch((error: unknown) => {
      this.#note(exec, CANNOT_START);
      throw error;
    });
    const inWords = withDockersWords(process, Cmd?.[0] ?? "");
    exec.process = inWords;
    this.#publish("exec_start", exec);
    void inWords.exited.then(
      (exitCode) => this.#note(exec, exitCode),
      () => this.#note(exec, CANNOT_START),
    );
    return inWords;
  }

  /** Runs a command for the engine itself, until it ends. @throws {TsukubeError} `timeout`. */
  async run(container: DockerContainer, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const exec = this.create(container, { Cmd: command, AttachStdout: true, AttachStderr: true });
    exec.isStarted = true;
    this.#publish("exec_start", exec);
    try {
      const result = await this.#deps.containers.execSync(container.id, command, timeoutMs);
      this.#note(exec, result.exitCode);
      return result;
    } catch (error) {
      this.#note(exec, codeOf(error) === "timeout" ? KILLED : CANNOT_START);
      throw error;
    }
  }

  /** A client left it with the keys for that. */
  noteDetached(id: string): void {
    this.#publish("exec_detach", this.get(id));
  }

  #note(exec: Exec, exitCode: number): void {
    exec.exitCode = exitCode;
    this.#publish("exec_die", exec, { exitCode: String(exitCode) });
  }

  #publish(action: string, { id, containerId, wish }: Exec, more: Readonly<Record<string, string>> = {}): void {
    const container = this.#deps.store.find(containerId);
    if (container === undefined) return;
    const hasCommand = action === "exec_create" || action === "exec_start";
    const [program = "", ...args] = wish.Cmd ?? [];
    const command = hasCommand ? `${action}: ${program} ${args.join(" ")}` : action; // with the space where there are none
    const attributes = {
      ...container.config.Labels,
      execID: id,
      ...more,
      image: container.imageName,
      name: container.name,
    };
    this.#deps.events.publish("container", command, containerId, attributes);
  }
}

/** A program that the runtime could not start says so in the words that clients look for, and with their exit codes. */
function withDockersWords(process: StreamedProcess, program: string): StreamedProcess {
  let code: number | undefined;
  const translate = new Transform({
    transform(chunk: Buffer, _, done) {
      const failure = process.pid?.() === 0 ? startFailure(chunk.toString("utf8"), program) : undefined;
      if (failure === undefined || failure.exitCode === 128) return done(null, chunk);
      code = failure.exitCode;
      const why = failure.error.message.slice(failure.error.message.indexOf("unable to start"));
      done(null, Buffer.from(`OCI runtime exec failed: exec failed: ${why}\n`));
    },
  });
  const exited = process.exited.then((exitCode) => code ?? exitCode);
  exited.catch(() => {});
  const stream = process.stderr ?? process.stdout;
  const replaced = stream?.on("error", () => translate.end()).pipe(translate);
  const { stdout, stderr, ...rest } = process;
  const streams = stderr === undefined ? { stdout: replaced ?? stdout } : { stdout, stderr: replaced ?? stderr };
  return { ...rest, ...(streams as Pick<StreamedProcess, "stdout" | "stderr">), exited };
}

export function isBusy({ isStarted, exitCode }: Exec): boolean {
  return isStarted === true && exitCode === undefined;
}

function sizeOf(size: readonly number[] | null | undefined): readonly [number, number] | undefined {
  const [rows = 0, columns = 0] = size ?? [];
  return rows > 0 && columns > 0 ? [columns, rows] : undefined;
}

function assertRunning(container: DockerContainer): void {
  const { id, name, state } = container;
  if (!isRunning(container)) throw new TsukubeError("conflict", `container ${id} is not running`);
  if (state.status === "paused")
    throw new TsukubeError("conflict", `Container ${name} is paused, unpause the container before exec`);
}
