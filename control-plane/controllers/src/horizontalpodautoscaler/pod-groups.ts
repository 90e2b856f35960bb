import type { Pod } from "@tsukube/api/types/core-v1";

/** What was measured of one pod. */
export interface PodMetric {
  /** Thousandths: of a CPU, a byte, or whatever is measured. */
  readonly value: number;
  /** The end of the measurement, ms since the epoch, and how long it took. */
  readonly at: number;
  readonly windowMs: number;
}

/** Pods of a workload by what their measurements are worth. */
export interface PodGroups {
  /** Whose measurement counts, by name. */
  readonly values: ReadonlyMap<string, number>;
  /** How many pods are neither starting nor ending: those that count and those that were not measured. */
  readonly ready: number;
  /** Measured, but still starting, or not started at all. */
  readonly unready: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

/** A pod uses CPU to start: what it uses then says nothing; --horizontal-pod-autoscaler-cpu-initialization-period. */
const STARTING_MS = 5 * 60_000;
/** A pod that was not ready within this time of its start never was; --horizontal-pod-autoscaler-initial-readiness-delay. */
const FIRST_READY_MS = 30_000;

/** Pure. @param now Ms since the epoch. */
export function groupPods(
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  resource: string,
  now: number,
): PodGroups {
  const values = new Map<string, number>();
  const [unready, missing] = [new Set<string>(), new Set<string>()];
  for (const pod of pods) {
    const { name = "", deletionTimestamp } = pod.metadata ?? {};
    if (deletionTimestamp !== undefined || pod.status?.phase === "Failed") continue;
    const metric = metrics.get(name);
    if (pod.status?.phase === "Pending") unready.add(name);
    else if (metric === undefined) missing.add(name);
    else if (resource === "cpu" && isStarting(pod, metric, now)) unready.add(name);
    else values.set(name, metric.value);
  }
  return { values, ready: values.size, unready, missing };
}

function isStarting({ status }: Pod, metric: PodMetric, now: number): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const started = Date.parse(status?.startTime ?? "");
  if (ready === undefined || Number.isNaN(started)) return true;
  const since = Date.parse(ready.lastTransitionTime ?? "") || 0;
  if (started + STARTING_MS > now) return ready.status === "False" || metric.at < since + metric.windowMs;
  return ready.status === "False" && started + FIRST_READY_MS > since;
}
