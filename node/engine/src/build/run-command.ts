import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { appendFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { type Cgroups, type Mounts, removeMounted } from "@tsukube/kernel";
import type { LinuxContainerSecurityContext, Mount } from "@tsukube/node-contracts/cri";
import facts from "../../facts/container-defaults.json" with { type: "json" };
import { boundingCapabilities } from "../containers/capabilities.ts";
import { ociJson, rlimitOf } from "../containers/rlimits.ts";
import { rootlessSpec } from "../containers/rootless-spec.ts";
import type { OciRuntime } from "../containers/runtime.ts";
import { specOf } from "../containers/spec.ts";
import { textWithin } from "../containers/text-within.ts";
import { resolveUser } from "../containers/users.ts";
import type { ImageConfig } from "../images/image-document.ts";
import type { Sandboxes } from "../sandboxes/sandboxes.ts";
import type { BuildNetwork, BuildSurroundings } from "./contracts.ts";

/** A command of a RUN instruction. */
export interface BuildCommand {
  /** Of the sandbox and container. */
  readonly id: string;
  /** The mounted file system. */
  readonly rootfs: string;
  readonly config: ImageConfig;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly network: BuildNetwork;
  readonly surroundings: BuildSurroundings;
  readonly privileged: boolean;
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
}

export interface CommandDeps {
  readonly runtime: OciRuntime;
  /** With the network of pods, and without any. */
  readonly sandboxes: Sandboxes;
  readonly isolated: Sandboxes;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  /** For bundles; empty after a reboot. */
  readonly folder: string;
  readonly cgroupParent: string;
  /** See `rootless` of {@link EngineOptions}: the network is that of the machine then. */
  readonly rootless?: "many-ids" | "one-id";
}

/** Runs commands of builds in containers of their own, which end with this process. */
export class BuildCommands {
  readonly #deps: CommandDeps;

  constructor(deps: CommandDeps) {
    this.#deps = deps;
  }

  /** Removes what an engine that was killed left running. */
  async clean(): Promise<void> {
    const { sandboxes, isolated, folder } = this.#deps;
    for (const id of await readdir(folder).catch(() => [])) await this.#remove(id);
    for (const all of [sandboxes, isolated]) {
      await all.load();
      for (const { id } of all.all) await all.remove(id);
    }
  }

  /** @returns the exit code. */
  async run(command: BuildCommand): Promise<number> {
    const { id, network, signal, surroundings } = command;
    const sandboxes = network === "none" ? this.#deps.isolated : this.#deps.sandboxes;
    const bundle = `${this.#deps.folder}/${id}`;
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    try {
      const isHosts = network === "host" || (network === "default" && this.#deps.rootless !== undefined);
      const namespaceOptions = isHosts ? { network: "NODE" as const } : {};
      const { shmBytes, hosts = [] } = surroundings;
      const sandbox = await sandboxes.run(
        id,
        {
          metadata: { name: id, namespace: "build", uid: id, attempt: 0 },
          hostname: "build",
          linux: { securityContext: { namespaceOptions } },
        },
        shmBytes === undefined ? {} : { shmBytes },
      );
      await appendFile(`${sandbox.files}/hosts`, hosts.map((line) => `${line}\n`).join(""));
      await writeFile(`${bundle}/config.json`, ociJson(await this.#specOf(command, sandbox)), { mode: 0o600 });
      return await this.#wait(command, bundle, signal);
    } finally {
      await this.#remove(id);
      await sandboxes.remove(id);
    }
  }

  async #specOf(command: BuildCommand, sandbox: Awaited<ReturnType<Sandboxes["run"]>>): Promise<object> {
    const { id, rootfs, config, privileged, mounts, env } = command;
    const text = async (name: string): Promise<string> => (await textWithin(rootfs, `/etc/${name}`)) ?? "";
    const bounding = boundingCapabilities();
    const securityContext: LinuxContainerSecurityContext = privileged
      ? { privileged }
      : {
          seccomp: { profileType: "RuntimeDefault" },
          maskedPaths: facts.maskedPaths.default,
          readonlyPaths: facts.readonlyPaths.default,
        };
    const spec = specOf({
      id,
      config: {
        command: command.command,
        mounts,
        envs: env.map(({ name, value }) => ({ key: name, value: Buffer.from(value) })),
        linux: { securityContext },
      },
      sandbox,
      image: config,
      rootfs,
      user: resolveUser(config.User ?? "", await text("passwd"), await text("group")),
      cgroupPath: `${this.#deps.cgroupParent}/build-${id}`,
      cgroupVersion: this.#deps.cgroups.version,
      hugepageSizes: this.#deps.cgroups.hugepageSizes,
      bounding,
      ownOomScoreAdj: Number(readFileSync("/proc/self/oom_score_adj", "utf8")),
      canLowerOomScore: bounding.has("CAP_SYS_RESOURCE"),
    });
    const canRaise = bounding.has("CAP_SYS_RESOURCE") && this.#deps.rootless === undefined;
    const rlimits = (command.surroundings.ulimits ?? []).map((limit) => rlimitOf(limit, canRaise));
    const limited = { ...spec, process: { ...spec.process, ...(rlimits.length > 0 && { rlimits }) } };
    return this.#deps.rootless === undefined ? limited : rootlessSpec(limited, this.#deps.rootless, this.#deps.cgroups);
  }

  async #wait(command: BuildCommand, bundle: string, signal: AbortSignal): Promise<number> {
    const { runtime } = this.#deps;
    signal.throwIfAborted();
    const args = [...runtime.globalArgs, "run", "--bundle", bundle, command.id];
    const child = spawn(runtime.path, args, { stdio: ["ignore", "pipe", "pipe"] });
    const cancel = (): void => void runtime.delete(command.id).catch(() => {});
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const code = await exitOf(child, command.onOutput);
      signal.throwIfAborted();
      return code;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  async #remove(id: string): Promise<void> {
    const { runtime, mounts, cgroups, folder, cgroupParent } = this.#deps;
    await runtime.delete(id);
    await cgroups.remove(`${cgroupParent}/build-${id}`).catch(() => {});
    await removeMounted(`${folder}/${id}`, mounts);
  }
}

async function exitOf(child: ChildProcess, onOutput: (text: string) => void): Promise<number> {
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", onOutput);
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new TsukubeError("failed", `Cannot run the container runtime: ${cause.message}`, { cause })),
    );
    child.once("close", (code) => resolve(code ?? 137));
  });
}
