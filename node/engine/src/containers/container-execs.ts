import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import { type Cgroups, openTerminal, resizeTerminalOf } from "@tsukube/kernel";
import type { StreamedProcess } from "../streaming/streamed-process.ts";
import { boundingCapabilities, capabilitiesOf } from "./capabilities.ts";
import { endCommand } from "./end-command.ts";
import { killProcess } from "./kill-process.ts";
import { ociJson } from "./rlimits.ts";
import type { OciRuntime } from "./runtime.ts";
import type { OciProcess } from "./spec.ts";
import { textWithin } from "./text-within.ts";
import { resolveUser } from "./users.ts";

/** How a command in a container differs from the container's own process. */
export interface ExecOptions {
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** "user", "uid", "user:group"; the container's by default. */
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly env?: readonly string[];
  readonly workingDirectory?: string;
  readonly privileged?: boolean;
  /** Columns and rows of the terminal at its start. */
  readonly size?: readonly [columns: number, rows: number];
}

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

interface Deps {
  readonly runtime: OciRuntime;
  readonly cgroups: Cgroups;
  readonly clock: Clock;
  /** The folder of a container, by its id: its process and its file system are in it. */
  readonly bundle: (id: string) => string;
  readonly firstProcess: (id: string) => number;
  /** Those in a container. */
  readonly processes: (id: string) => Promise<readonly number[]>;
}

/** Commands in containers that run. */
export class ContainerExecs {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Runs a command until it ends and nothing that it started holds its output.
   * @throws {TsukubeError} `timeout`, when it and what it started are killed.
   */
  async run(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    this.#deps.cgroups.expectMove();
    const base = this.#processOf(id);
    const name = `${this.#deps.bundle(id)}/exec-${process.hrtime.bigint()}`;
    writeFileSync(name, ociJson({ ...base, args: command, terminal: false }), { mode: 0o600 });
    try {
      const stdio = ["null", "output", "output"] as const;
      const child = await this.#deps.runtime.exec(id, name, `${name}.pid`, false, stdio, base.oomScoreAdj);
      const late = Promise.withResolvers<never>();
      let areReaped = false;
      void child.exited.then(() => (areReaped = true));
      const end = async (): Promise<void> => {
        const started = existsSync(`${name}.pid`) ? Number(readFileSync(`${name}.pid`, "utf8")) : 0;
        const pids = [child.pid, started].filter((pid) => pid > 1);
        const among = (): Promise<readonly number[]> => this.#deps.processes(id);
        await endCommand({ pids, areReaped, pipes: child.pipes(), first: this.#deps.firstProcess(id), among });
        for (const output of [child.stdout, child.stderr]) output?.destroy(); // who left the command's session may hold them
        const message = `Cannot finish command in container "${id}": not done in ${timeoutMs} ms`;
        throw new TsukubeError("timeout", message);
      };
      const cancel = timeoutMs <= 0 ? () => {} : this.#deps.clock.after(timeoutMs, () => void end().catch(late.reject));
      const ended = Promise.all([buffer(child.stdout!), buffer(child.stderr!), child.exited]);
      const [stdout, stderr, exitCode] = await Promise.race([ended, late.promise]).finally(cancel);
      return { stdout, stderr, exitCode };
    } finally {
      remove(name);
    }
  }

  /** Starts a command whose streams the caller holds, with a terminal of its own if asked for. */
  async start(id: string, command: readonly string[], options: ExecOptions): Promise<StreamedProcess> {
    this.#deps.cgroups.expectMove();
    const name = `${this.#deps.bundle(id)}/exec-${process.hrtime.bigint()}`;
    const { terminal, stdin } = options;
    const wanted = await this.#process(id, command, options);
    writeFileSync(name, ociJson(wanted), { mode: 0o600 });
    const pty = terminal ? openTerminal() : undefined;
    if (options.size !== undefined) pty?.resize(...options.size);
    const stdio =
      pty === undefined
        ? ([stdin ? "input" : "null", "output", "output"] as const)
        : [pty.programSide, pty.programSide, pty.programSide];
    const started = this.#deps.runtime.exec(id, name, `${name}.pid`, terminal, stdio, wanted.oomScoreAdj);
    const child = await started
      .catch((error: unknown) => {
        remove(name);
        pty?.stream.destroy();
        throw error;
      })
      .finally(() => pty?.closeProgramSide());
    child.stdin?.on("error", () => {}); // the command may end before it has read everything
    let pid = 0;
    const commandPid = (): number => {
      if (pid === 0 && existsSync(`${name}.pid`)) pid = Number(readFileSync(`${name}.pid`, "utf8"));
      return pid;
    };
    let isOver = false;
    const exited = child.exited.finally(() => {
      isOver = true;
      commandPid();
      remove(name);
    });
    const input = pty === undefined ? child.stdin : pty.stream;
    const output = pty === undefined ? child.stdout : pty.stream;
    return {
      ...(input === undefined ? {} : { stdin: input }),
      ...(output === undefined ? {} : { stdout: output }),
      ...(child.stderr === undefined ? {} : { stderr: child.stderr }),
      resize(columns, rows) {
        pty?.resize(columns, rows);
        // the runtime gives its terminal's size to the command's own at the start only
        if (commandPid() > 1) resizeTerminalOf(commandPid(), columns, rows);
      },
      exited,
      pid: commandPid,
      kill() {
        const pid = commandPid();
        if (!isOver && pid > 1) killProcess(pid, "SIGKILL");
        pty?.stream.destroy();
      },
    };
  }

  /** The container's own. Bundles are in memory: to wait for another thread takes longer than to read there. */
  #processOf(id: string): OciProcess {
    return JSON.parse(readFileSync(`${this.#deps.bundle(id)}/process.json`, "utf8")) as OciProcess;
  }

  async #process(id: string, command: readonly string[], options: ExecOptions): Promise<OciProcess> {
    const bundle = this.#deps.bundle(id);
    const base = this.#processOf(id);
    const { terminal, user, groups = [], env = [], privileged, workingDirectory } = options;
    const all = new Map([...base.env, ...(terminal ? ["TERM=xterm"] : []), ...env].map((each) => [nameIn(each), each]));
    const text = async (name: string): Promise<string> => (await textWithin(`${bundle}/rootfs`, `/etc/${name}`)) ?? "";
    const other = user === undefined ? undefined : resolveUser(user, await text("passwd"), await text("group"), groups);
    if (other !== undefined && !env.some((each) => nameIn(each) === "HOME")) all.set("HOME", `HOME=${other.home}`);
    const bounding = boundingCapabilities();
    return {
      ...base,
      args: command,
      terminal,
      env: [...all.values()].filter((each) => each.includes("=")),
      ...(other === undefined ? {} : { user: { uid: other.uid, gid: other.gid, additionalGids: other.groups } }),
      ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
      ...(privileged === true ? { capabilities: capabilitiesOf({ privileged }, bounding) } : {}),
    };
  }
}

/** The file of a process, and that of its pid. */
function remove(name: string): void {
  for (const file of [name, `${name}.pid`]) rmSync(file, { force: true });
}

/** "A" of "A=1"; of "A" alone, too. */
function nameIn(entry: string): string {
  return entry.split("=", 1)[0] as string;
}
