import type { Pod, PodStatus } from "@tsukube/api/types/core-v1";
import type { AuthConfig } from "@tsukube/node-contracts/cri";
import type { Cri } from "../cri/runtime.ts";
import type { KubeletOptions } from "../options.ts";
import type { Prober } from "../probes/prober.ts";
import type { VolumeSources } from "../volumes/volumes.ts";
import type { PullBackoff } from "./pull-backoff.ts";

/** What a pod's worker has of the kubelet. */
export interface PodContext {
  readonly options: KubeletOptions;
  readonly cri: Cri;
  readonly prober: Prober;
  readonly pullBackoff: PullBackoff;
  sourcesOf(pod: Pod, podIps: readonly string[]): VolumeSources;
  pullSecrets(pod: Pod, image: string): Promise<AuthConfig | undefined>;
  /** Writes the status subresource; an API server that is away is tried again. */
  writeStatus(pod: Pod, status: PodStatus): Promise<void>;
  /** Removes a pod that has ended from the API. */
  deleteObject(pod: Pod): Promise<void>;
  event(pod: Pod, type: "Normal" | "Warning", reason: string, message: string, container?: string): void;
  /** The worker is done: nothing of the pod is left on the node. */
  finished(uid: string): void;
}
