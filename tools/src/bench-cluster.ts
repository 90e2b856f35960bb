import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@tsukube/client";
import { run } from "@tsukube/host";
import { transportOfKubeconfig } from "./kubeconfig.ts";

export interface BenchProcess {
  readonly name: string;
  readonly pid: number;
}

/** A cluster named "bench" with a home of its own, started from this repository's sources. */
export class BenchCluster {
  readonly #root: string;
  readonly #home = mkdtempSync(join(tmpdir(), "tsukube-bench-"));

  constructor(root: string) {
    this.#root = root;
  }

  async tsukube(...args: readonly string[]): Promise<string> {
    const cache = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache");
    const env = { ...process.env, HOME: this.#home, XDG_CACHE_HOME: cache };
    const { stdout } = await run(join(this.#root, "tsukube"), ["--name", "bench", ...args], { env, accept: [0, 1] });
    return stdout;
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

  async client(): Promise<Client> {
    return createClient(transportOfKubeconfig(await this.kubeconfig()), { userAgent: "bench" });
  }

  async close(): Promise<void> {
    await this.tsukube("down", "--purge");
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
