import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Lifetime } from "@tsukube/foundation";
import { type RunOptions, type RunResult, run } from "@tsukube/host";
import { kubectlFor } from "./clients.ts";

const ROOT = dirname(dirname(import.meta.dirname));

/** What `status -o json` prints, as far as tests read it. */
export interface StatusOutput {
  readonly ready: boolean;
  readonly kubeconfig: string;
  readonly apiServer: string;
  readonly nodes: readonly { readonly name: string; readonly ready: boolean }[];
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

/** The tsukube command of this repository, with a home and a cluster name of its own. */
export class Tsukube {
  readonly home: string;
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly path: string;

  /**
   * @param lifetime Stops the cluster and removes its data and the home when it ends.
   * @param root The checkout whose command it is.
   */
  constructor(lifetime: Lifetime, name: string, root = ROOT) {
    this.path = join(root, "tsukube");
    this.home = mkdtempSync(join(tmpdir(), "tsukube-e2e-"));
    this.name = name;
    const cache = process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache");
    this.env = { ...process.env, HOME: this.home, XDG_CACHE_HOME: cache };
    lifetime.add("home", () => rmSync(this.home, { recursive: true, force: true }));
    lifetime.add("cluster", async () => void (await this.run(["down", "--purge"])));
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(this.path, ["--name", this.name, ...args], { env: this.env, ...options });
  }

  async status(): Promise<StatusOutput> {
    return JSON.parse((await this.run(["status", "-o", "json"], { accept: [0, 1] })).stdout) as StatusOutput;
  }

  /** kubectl with the cluster's own kubeconfig. */
  async kubectl() {
    return kubectlFor((await this.status()).kubeconfig);
  }
}
