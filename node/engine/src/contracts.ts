import type { Clock, Logger, Metrics, Random } from "@tsukube/foundation";
import type { Cgroups, Mounts, Namespaces } from "@tsukube/kernel";
import type { PodNetwork } from "@tsukube/node-contracts";

export interface EngineOptions {
  /** Images, snapshots and records; survives a reboot. "/var/lib/tsukube/NAME/engine". */
  readonly stateDirectory: string;
  /** Bundles, namespaces, sockets; empty after a reboot. "/run/tsukube/NAME/engine". */
  readonly runtimeDirectory: string;
  /** Path of the unix socket that serves CRI v1. */
  readonly criSocket: string;
  /** Path of the unix socket that serves Docker's Engine API for images and builds; none by default. */
  readonly dockerSocket?: string;
  /** How many bytes of layers the cache of builds may hold; 20 GB by default. */
  readonly buildCacheBytes?: number;
  readonly network: PodNetwork;
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
  /** Stops and removes every container and sandbox: no process, mount, namespace or cgroup of ours is left. Images stay. */
  stopAll(): Promise<void>;
}
