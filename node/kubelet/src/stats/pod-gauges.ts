import type { Labels, Metrics, Sample } from "@tsukube/foundation";
import type { PodWorker } from "../pods/pod-worker.ts";
import { isStaticPod } from "../static/manifest.ts";
import { fileSystemUsage } from "./node-usage.ts";

export interface PodGaugesDeps {
  readonly metrics: Metrics;
  readonly nodeName: string;
  readonly cgroupVersion: number;
  workers(): readonly PodWorker[];
}

/** Registers what pods there are on the node, and how full the volumes of claims are; looked at when somebody asks. */
export function recordPods({ metrics, nodeName, cgroupVersion, workers }: PodGaugesDeps): void {
  metrics.gauge("kubelet_node_name", "The node's name. The count is always 1.", ["node"]).set(1, { node: nodeName });
  metrics.gauge("kubelet_cgroup_version", "cgroup version on the hosts.").set(cgroupVersion);
  const running = () => workers().filter(({ runtime }) => runtime.sandbox?.ready === true);
  metrics.collected("kubelet_running_pods", "Number of pods that have a running pod sandbox", () => [
    [{}, running().length],
  ]);
  metrics.collected("kubelet_running_containers", "Number of containers currently running", () => {
    const states = Map.groupBy(
      workers().flatMap(({ runtime }) => runtime.containers),
      ({ state }) => state,
    );
    return [...states].map(([state, { length }]): Sample => [{ container_state: state }, length]);
  });
  const byOrigin = (of: readonly PodWorker[]): readonly Sample[] =>
    [true, false].map((isStatic) => [
      { static: isStatic ? "true" : "" },
      of.filter(({ pod }) => isStaticPod(pod) === isStatic).length,
    ]);
  metrics.collected(
    "kubelet_desired_pods",
    "The number of pods the kubelet is being instructed to run. static is true if the pod is not from the apiserver.",
    () => byOrigin(workers()),
  );
  metrics.collected(
    "kubelet_active_pods",
    "The number of pods the kubelet considers active and which are being considered when admitting new pods. static is true if the pod is not from the apiserver.",
    () => byOrigin(workers().filter(({ isOver }) => !isOver)),
  );
  metrics.collected(
    "kubelet_mirror_pods",
    "The number of mirror pods the kubelet will try to create (one per admitted static pod)",
    () => [[{}, workers().filter(({ pod }) => isStaticPod(pod)).length]],
  );
  recordVolumes(metrics, workers);
}

const VOLUMES = {
  capacity_bytes: ["Capacity in bytes of the volume", ({ capacityBytes }) => capacityBytes],
  available_bytes: ["Number of available bytes in the volume", ({ availableBytes }) => availableBytes],
  used_bytes: ["Number of used bytes in the volume", ({ usedBytes }) => usedBytes],
  inodes: ["Maximum number of inodes in the volume", ({ inodes }) => inodes],
  inodes_free: ["Number of free inodes in the volume", ({ inodesFree }) => inodesFree],
  inodes_used: ["Number of used inodes in the volume", ({ inodes, inodesFree }) => inodes - inodesFree],
} as const satisfies Record<string, readonly [string, (usage: ReturnType<typeof fileSystemUsage>) => number]>;

function recordVolumes(metrics: Metrics, workers: PodGaugesDeps["workers"]): void {
  for (const [name, [help, of]] of Object.entries(VOLUMES)) {
    metrics.collected(`kubelet_volume_stats_${name}`, help, () =>
      claimedPaths(workers()).flatMap(([labels, path]): readonly Sample[] => {
        try {
          return [[labels, of(fileSystemUsage(path))]];
        } catch {
          return []; // it goes just now
        }
      }),
    );
  }
}

/** The folder behind each claim, once. */
function claimedPaths(workers: readonly PodWorker[]): readonly (readonly [Labels, string])[] {
  const paths = new Map<string, readonly [Labels, string]>();
  for (const { pod, claims } of workers) {
    const { namespace = "" } = pod.metadata ?? {};
    for (const [persistentvolumeclaim, path] of claims)
      paths.set(`${namespace}/${persistentvolumeclaim}`, [{ namespace, persistentvolumeclaim }, path]);
  }
  return [...paths.values()];
}
