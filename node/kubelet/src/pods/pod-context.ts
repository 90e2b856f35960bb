import type { Pod, PodCondition, PodStatus } from "@tsukube/api/types/core-v1";
import type { CgroupLimits } from "@tsukube/kernel";
import type { AuthConfig, IDMapping } from "@tsukube/node-contracts/cri";
import type { Cri } from "../cri/runtime.ts";
import type { KubeletOptions } from "../options.ts";
import type { Prober } from "../probes/prober.ts";
import type { VolumeSources } from "../volumes/volumes.ts";
import type { PodMetrics } from "./pod-metrics.ts";
import type { PodPlaces } from "./pod-places.ts";
import type { PullBackoff } from "./pull-backoff.ts";
import type { StartCounts } from "./start-counts.ts";

/** What a pod's worker has of the kubelet. */
export interface PodContext {
  readonly options: KubeletOptions;
  readonly cri: Cri;
  readonly prober: Prober;
  readonly pullBackoff: PullBackoff;
  readonly startCounts: StartCounts;
  readonly metrics: PodMetrics;
  placesOf(pod: Pod): PodPlaces;
  sourcesOf(pod: Pod, podIps: readonly string[]): VolumeSources;
  pullSecrets(pod: Pod, image: string): Promise<AuthConfig | undefined>;
  /** The runtime's handler of the pod's RuntimeClass, "" for the default one. @throws when the class does not exist. */
  runtimeHandler(pod: Pod): Promise<string>;
  /** The pod with the resources that the node gave it. */
  allocated(pod: Pod): Pod;
  /** Whose the pod's users are on the host; undefined: it has the host's. */
  usersOf(pod: Pod): Promise<readonly IDMapping[] | undefined>;
  /** Of the pod's cgroup as a whole. */
  cgroupLimits(pod: Pod): CgroupLimits;
  /** Gives what the pod asks for now, as far as the node has it. `isGranted`: that is more or less than it had before. */
  resize(pod: Pod): { readonly conditions: readonly PodCondition[]; readonly isGranted: boolean };
  /**
   * Writes the status subresource: the conditions given, no others.
   * @returns false while the API has no such pod (a static one without its mirror).
   */
  writeStatus(pod: Pod, status: PodStatus): Promise<boolean>;
  /** Removes a pod that has ended from the API. */
  deleteObject(pod: Pod): Promise<void>;
  event(pod: Pod, type: "Normal" | "Warning", reason: string, message: string, container?: string): void;
  /** The worker is done: nothing of the pod is left on the node. */
  finished(uid: string): void;
}
