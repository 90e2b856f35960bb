import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf, pathsOf } from "@tsukube/cli/paths";
import { type Client, createClient } from "@tsukube/client";
import { transportOfKubeconfig } from "@tsukube/e2e/kubeconfig-transport";
import { run } from "@tsukube/host";
import { atExit } from "./at-exit.ts";

export interface BenchProcess {
  readonly name: string;
  readonly pid: number;
}

/** A cluster named "bench" with a home of its own, started from this repository's sources. */
export class BenchCluster {
  readonly #root: string;
  readonly #home = mkdtempSync(join(tmpdir(), "tsukube-bench-"));
  readonly #forget: () => void;

  constructor(root: string) {
    this.#root = root;
    this.#forget = atExit(() => this.#removeAtOnce());
  }

  async tsukube(...args: readonly string[]): Promise<string> {
    const accept = [0, 1];
    const { stdout } = await run(this.#program, ["--name", "bench", ...args], { env: this.#env, accept });
    return stdout;
  }

  get #program(): string {
    return join(this.#root, "tsukube");
  }

  get #env(): NodeJS.ProcessEnv {
    const cache = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache");
    return { ...process.env, HOME: this.#home, XDG_CACHE_HOME: cache };
  }

  /** Ours, without supervisors. */
  async processes(): Promise<readonly BenchProcess[]> {
    const { processes } = JSON.parse(await this.tsukube("status", "-o", "json")) as {
      readonly processes: BenchProcess[];
    };
    return processes;
  }

  /** Its path. */
  async kubeconfig(): Promise<string> {
    return (JSON.parse(await this.tsukube("status", "-o", "json")) as { readonly kubeconfig: string }).kubeconfig;
  }

  /** Milliseconds from exec of a process until it was ready. */
  readyMs(name: string): number {
    const { ready } = filesOf(pathsOf("bench", this.#env, process.getuid?.() ?? 1));
    return (JSON.parse(readFileSync(ready(name), "utf8")) as { readonly readyMs: number }).readyMs;
  }

  async client(): Promise<Client> {
    return createClient(transportOfKubeconfig(await this.kubeconfig()), { userAgent: "bench" });
  }

  async close(): Promise<void> {
    await this.tsukube("down", "--purge");
    rmSync(this.#home, { recursive: true, force: true });
    this.#forget();
  }

  #removeAtOnce(): void {
    spawnSync(this.#program, ["--name", "bench", "down", "--purge"], { env: this.#env });
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** Proportional set size in MB: shared pages count by their share. */
export function pssOf(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? "0";
  return Number(kilobytes) / 1024;
}

/** Seconds of CPU that a process and the children that it waited for have used. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / 100;
}
