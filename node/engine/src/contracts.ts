import type { Clock, Logger, Metrics, Random } from "@tsukube/foundation";
import type { Cgroups, Mounts, Namespaces } from "@tsukube/kernel";
import type { ContainerNetworks, PodNetwork } from "@tsukube/node-contracts";
import type { DockerHost } from "./docker/contracts.ts";
import type { NameServiceOptions } from "./docker/networks/name-service.ts";
import type { SnapshotterKind } from "./images/snapshotter-kind.ts";

export type { DockerHost, NameServiceOptions, SnapshotterKind };

export interface EngineOptions {
  /** Images, snapshots and records; survives a reboot. "/var/lib/tsukube/NAME/engine". */
  readonly stateDirectory: string;
  /** Bundles, namespaces, sockets; empty after a reboot. "/run/tsukube/NAME/engine". */
  readonly runtimeDirectory: string;
  /** Path of the unix socket that serves CRI v1. */
  readonly criSocket: string;
  /** Path of the unix socket that serves Docker's Engine API; none by default. */
  readonly dockerSocket?: string;
  /** Where it is served too; nowhere by default. */
  readonly dockerHost?: DockerHost;
  /** How many bytes of layers the cache of builds may hold; 20 GB by default. */
  readonly buildCacheBytes?: number;
  /** By default as before, or what the disk can carry: "overlay" before "copies". */
  readonly snapshotter?: SnapshotterKind;
  readonly network: PodNetwork;
  /** Networks of Docker's containers; without them "host" and "none" are all there is. */
  readonly containerNetworks?: ContainerNetworks;
  /** What answers names of Docker's containers; without it they find each other by address alone. */
  readonly names?: NameServiceOptions;
  /** Whether restart policies start Docker's containers that do not run; true by default. */
  readonly startsContainers?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Cgroup of containers whose sandbox names none; "/tsukube" by default. */
  readonly cgroupParent?: string;
  /** "crun" by default; "runc" is the fallback. */
  readonly runtime?: "crun" | "runc";
  /** Folder of containerd's `certs.d/HOST/hosts.toml` files; "/etc/tsukube/certs.d" by default. */
  readonly registryHosts?: string;
  /** Folder with the bundle of this Tsukube and its hash: the content of `tsukube.local/system:<hash>`. */
  readonly bundle?: { readonly folder: string; readonly hash: string };
  /**
   * It is root in a namespace of users and mounts only, and not of the machine: overlays keep their marks where users may write,
   * containers have no control groups. "one-id": it has no ids but its own.
   */
  readonly rootless?: "many-ids" | "one-id";
  /** Stand-ins for the kernel in tests. */
  readonly kernel?: { readonly mounts: Mounts; readonly namespaces: Namespaces; readonly cgroups: Cgroups };
}

/** The container engine. Its face is the CRI v1 socket; containers outlive it. */
export interface Engine {
  /** For {@link dialGrpc}: "unix:/run/…/cri.sock". */
  readonly criAddress: string;
  /** Of the streaming server: what Exec, Attach and PortForward answer begins with it. */
  readonly streamingAddress: string;
  /** Stops serving. Containers run on; the next start adopts them. */
  close(): Promise<void>;
  /**
   * Stops every container, and removes those of pods with their sandboxes: no process, mount, namespace, link or cgroup of ours is
   * left. Images stay, and Docker's containers with what they wrote.
   * @param othersRemain Others of this host forward packets: false by default.
   */
  stopAll(othersRemain?: boolean): Promise<void>;
}
