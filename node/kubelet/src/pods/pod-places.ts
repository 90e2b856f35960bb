import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { KubeletOptions } from "../options.ts";

/** Where on the node what belongs to a pod lies. */
export interface PodPlaces {
  /** Volumes, /etc/hosts, what containers said at their end. */
  readonly folder: string;
  readonly logs: string;
  /** `kubepods/<qos>/pod<uid>`; Guaranteed pods stand directly below the root. */
  readonly cgroup: string;
  /** What a container writes to its terminationMessagePath. */
  message(container: string, restartCount: number): string;
}

type Roots = Pick<KubeletOptions, "rootDirectory" | "podLogsDirectory" | "cgroupRoot">;

export function placesOf(pod: Pod, roots: Roots): PodPlaces {
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const folder = join(roots.rootDirectory, "pods", uid);
  const qos = (pod.status?.qosClass ?? "BestEffort").toLowerCase();
  return {
    folder,
    logs: join(roots.podLogsDirectory, `${namespace}_${name}_${uid}`),
    cgroup: `${roots.cgroupRoot}${qos === "guaranteed" ? "" : `/${qos}`}/pod${uid}`,
    message: (container, restartCount) => join(folder, "containers", container, `${restartCount}.message`),
  };
}
