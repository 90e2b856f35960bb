import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, dirname, posix } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import type { Cgroups, Mounts } from "@tsukube/kernel";
import { makeFolders } from "../../build/copy-files.ts";
import { boundingCapabilities } from "../../containers/capabilities.ts";
import type { ContainerRecord, Containers } from "../../containers/containers.ts";
import type { OciSpec } from "../../containers/spec.ts";
import type { ImageStore } from "../../images/image-store.ts";
import type { SandboxRecord } from "../../sandboxes/sandbox-record.ts";
import type { Sandboxes, SandboxWishes } from "../../sandboxes/sandboxes.ts";
import type { Endpoints } from "../networks/endpoints.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { prepareSources, showParts, volumesOf } from "./container-mounts.ts";
import { type DockerContainer, isRunning, networkModeOf } from "./container-record.ts";
import { adjustSpec, coreConfig, limitingOf } from "./container-spec.ts";
import type { ContainerStore } from "./container-store.ts";
import { singleLogLimit } from "./log-rotation.ts";

interface Deps {
  readonly containers: Containers;
  readonly sandboxes: Sandboxes;
  /** Absent where there are no networks of containers: "host" and "none" are all there is. */
  readonly endpoints?: Endpoints;
  readonly volumes: VolumeStore;
  readonly images: ImageStore;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly store: ContainerStore;
  readonly logPath: (id: string) => string;
}

const INIT_PROGRAMS = ["/usr/bin/tini-static", "/usr/bin/docker-init", "/usr/libexec/docker/docker-init", "/sbin/tini"];

/** Runs of Docker's containers: each is a sandbox with a container of the engine's core, both with the id of Docker's. */
export class ContainerRuns {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  find(id: string): ContainerRecord | undefined {
    return this.#deps.containers.all.find((run) => run.id === id);
  }

  sandbox(id: string): SandboxRecord | undefined {
    return this.#deps.sandboxes.all.find((sandbox) => sandbox.id === id);
  }

  /** Where the file system of a run is mounted. */
  rootfs(id: string): string {
    return this.#deps.containers.rootfs(id);
  }

  /** Namespaces, networks, mounts and a process that waits for {@link start}. Leaves nothing behind when it fails. */
  async create(container: DockerContainer): Promise<void> {
    const { containers, images, volumes, logPath } = this.#deps;
    const { id, hostConfig } = container;
    await this.release(id);
    const image = images.find(container.imageId);
    if (image === undefined) throw new TsukubeError("not-found", `No such image: ${container.imageName}`);
    const logLimit = singleLogLimit(container);
    try {
      await prepareSources(container, volumes);
      const joined = this.#shared(networkModeOf(container), "network");
      const sandbox = await this.#sandbox(container, joined);
      await this.#deps.endpoints?.connect(container, sandbox);
      const mounts = await showParts(container.mounts, `${dirname(sandbox.files)}/parts`, this.#deps.mounts);
      const config = coreConfig({ ...container, mounts }, logPath(id), this.#pidTarget(container));
      await containers.create(id, config, sandbox, image, {
        keepsFiles: true,
        withoutLog: hostConfig.LogConfig?.Type === "none",
        ...(logLimit === undefined ? {} : { logLimit }),
        groups: hostConfig.GroupAdd ?? [],
        adjust: async (spec, rootfs) => withFilesOf(joined, sandbox, await this.#adjusted(spec, rootfs, container)),
      });
    } catch (error) {
      await this.release(id);
      throw error;
    }
  }

  async #adjusted(spec: OciSpec, rootfs: string, container: DockerContainer): Promise<OciSpec> {
    await makeFolders(rootfs, spec.process.cwd, {}).catch(() => {
      throw new TsukubeError("invalid", `Cannot mkdir: ${spec.process.cwd} is not a directory`);
    });
    await writeFile(`${rootfs}/.dockerenv`, "", { flag: "wx", mode: 0o755 }).catch(() => {}); // by which programs know where they are
    const init = INIT_PROGRAMS.find((path) => existsSync(path));
    return adjustSpec(spec, container, {
      canRaiseLimits: boundingCapabilities().has("CAP_SYS_RESOURCE"),
      limiting: limitingOf(this.#deps.cgroups),
      ...(init === undefined ? {} : { init }),
    });
  }

  /** @param joined Whose network it has. */
  async #sandbox(container: DockerContainer, joined: SandboxRecord | undefined): Promise<SandboxRecord> {
    const { id, config, hostConfig, name } = container;
    const mode = networkModeOf(container);
    if (this.#deps.endpoints === undefined && mode !== "host" && mode !== "none")
      throw new TsukubeError(
        "unsupported",
        `Cannot run a container on network ${mode}: this engine has no networks of containers, expected --network host or none`,
      );
    const ipc = this.#shared(hostConfig.IpcMode, "IPC");
    const wishes: SandboxWishes = {
      ...(hostConfig.ShmSize ? { shmBytes: hostConfig.ShmSize } : {}),
      ...(config.Domainname ? { domainname: config.Domainname } : {}),
      ...(ipc === undefined ? {} : { shm: ipc.shm }),
      shared: {
        ...(mode.startsWith("container:") ? { net: joined?.namespaces.net ?? "host" } : {}),
        ...(hostConfig.IpcMode === "host" ? { ipc: "host" } : {}),
        ...(ipc === undefined ? {} : { ipc: ipc.namespaces.ipc ?? "host" }),
        ...(hostConfig.UTSMode === "host" ? { uts: "host" as const } : {}),
      },
    };
    const sandbox = await this.#deps.sandboxes.run(
      id,
      {
        metadata: { name, uid: id, namespace: "docker", attempt: 0 },
        hostname: joined?.hostname ?? (config.Hostname || id.slice(0, 12)),
        linux: {
          ...(hostConfig.CgroupParent ? { cgroupParent: posix.join("/", hostConfig.CgroupParent) } : {}),
          sysctls: { ...hostConfig.Sysctls },
          securityContext: { namespaceOptions: mode === "host" ? { network: "NODE" } : {} },
        },
      },
      wishes,
    );
    return sandbox;
  }

  /** The sandbox of the container that "container:NAME" names. */
  #shared(mode: string | undefined, what: string): SandboxRecord | undefined {
    if (mode?.startsWith("container:") !== true) return undefined;
    const other = this.#deps.store.get(mode.slice("container:".length));
    const sandbox = isRunning(other) ? this.sandbox(other.id) : undefined;
    if (sandbox === undefined)
      throw new TsukubeError("conflict", `cannot join ${what} namespace of a non running container: ${other.id}`);
    if (what === "IPC" && (other.hostConfig.IpcMode ?? "private") === "private")
      throw new TsukubeError(
        "invalid",
        `can't join IPC of container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      );
    return sandbox;
  }

  #pidTarget({ hostConfig: { PidMode: mode } }: DockerContainer): string | undefined {
    if (mode?.startsWith("container:") !== true) return undefined;
    const other = this.#deps.store.get(mode.slice("container:".length));
    if (!isRunning(other))
      throw new TsukubeError("conflict", `cannot join PID namespace of a non running container: ${other.id}`);
    return other.id;
  }

  /** Takes everything of a run but what it wrote and logged. */
  async release(id: string): Promise<void> {
    await this.end(id);
    await this.forget(id);
  }

  /** The same, but how it ended is known until {@link forget}: the engine may be killed before that is written down elsewhere. */
  async end(id: string): Promise<void> {
    await this.#deps.containers.release(id);
    await this.#deps.endpoints?.release(id);
    await this.#deps.sandboxes.remove(id);
    for (const name of volumesOf(this.#deps.store.find(id)?.mounts ?? [])) this.#deps.volumes.release(name, id);
  }

  forget(id: string): Promise<void> {
    return this.#deps.containers.forget(id);
  }
}

/** Who shares a network shares its names: the files of /etc are the other's, also when they change. */
function withFilesOf(joined: SandboxRecord | undefined, own: SandboxRecord, spec: OciSpec): OciSpec {
  if (joined === undefined) return spec;
  const mounts = spec.mounts.map((mount) => {
    const isOwn = dirname(mount.source) === own.files;
    return isOwn ? { ...mount, source: `${joined.files}/${basename(mount.source)}` } : mount;
  });
  return { ...spec, mounts };
}
