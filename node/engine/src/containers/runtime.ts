import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import type { RunResult } from "@tsukube/host";
import { run } from "@tsukube/kernel";
import { BUSYBOX, insideChroot, runtimeWrapper } from "./runtime-wrapper.ts";

/** An OCI runtime: crun, or runc. */
export class OciRuntime {
  /** What conmon is told to run. */
  readonly path: string;
  readonly #root: string;

  private constructor(path: string, root: string) {
    this.path = path;
    this.#root = root;
  }

  static async open(name: "crun" | "runc", folder: string): Promise<OciRuntime> {
    const root = `${folder}/oci`;
    await mkdir(root, { recursive: true, mode: 0o700 });
    const program = await find(name);
    const script = runtimeWrapper(program, {
      busybox: existsSync(BUSYBOX),
      hybridCgroups: name === "crun" && existsSync("/sys/fs/cgroup/unified"),
      ...((await insideChroot()) ? { oldRoot: `${folder}/outside` } : {}),
    });
    if (script === undefined) return new OciRuntime(program, root);
    const path = `${folder}/${name}-wrapper`;
    await writeFile(path, script, { mode: 0o755 });
    return new OciRuntime(path, root);
  }

  get globalArgs(): readonly string[] {
    return ["--root", this.#root];
  }

  run(args: readonly string[], accept?: readonly number[]): Promise<RunResult> {
    return run(this.path, [...this.globalArgs, ...args], accept === undefined ? {} : { accept });
  }

  start(id: string): Promise<RunResult> {
    return this.run(["start", id]);
  }

  /** Removes the runtime's state and the container's cgroup; does nothing when they are gone. */
  async delete(id: string): Promise<void> {
    await this.run(["delete", "--force", id], [0, 1]);
  }

  /** Runs a process in a container; its standard streams are those given. The exit code is the process's own. */
  exec(
    id: string,
    processFile: string,
    pidFile: string,
    terminal: boolean,
    stdio: readonly ("pipe" | "ignore" | number)[],
  ): ChildProcess {
    const flags = terminal ? ["--tty"] : [];
    const args = [...this.globalArgs, "exec", ...flags, "--process", processFile, "--pid-file", pidFile, id];
    return spawn(this.path, args, { stdio: [...stdio] });
  }

  /** @param file To write the resources to: crun opens what it reads by its name, which a pipe to it has none of. */
  async update(id: string, resources: object, file: string): Promise<void> {
    await writeFile(file, JSON.stringify(resources), { mode: 0o600 });
    await this.run(["update", "--resources", file, id]);
  }
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
