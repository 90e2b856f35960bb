import type { PodSandboxConfig } from "@tsukube/node-contracts/cri";
import type { PodUsers } from "./pod-users.ts";

/** A sandbox as it stands on disk: written before anything is made, and again when it is ready. */
export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly ready: boolean;
  /** Pinned namespaces; one that is absent is the host's. */
  readonly namespaces: { readonly net?: string; readonly ipc?: string; readonly uts?: string; readonly user?: string };
  /** Absent: it has the host's users. */
  readonly users?: PodUsers;
  /** Folder with resolv.conf, hostname and hosts. */
  readonly files: string;
  readonly shm: string;
  readonly ips: readonly string[];
}
