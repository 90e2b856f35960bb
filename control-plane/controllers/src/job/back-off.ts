import type { ContainerStatus, Pod } from "@tsukube/api/types/core-v1";

const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;

/** Failures since the last success: they delay the next pod. */
export interface Backoff {
  readonly failures: number;
  /** When the last of them was, in ms since the epoch. */
  readonly last: number;
}

export const NO_BACKOFF: Backoff = { failures: 0, last: 0 };

/** Pure: what `before` becomes when these pods have ended. */
export function nextBackoff(before: Backoff, succeeded: readonly Pod[], failed: readonly Pod[]): Backoff {
  if (succeeded.length + failed.length === 0) return before;
  const lastSuccess = Math.max(...succeeded.map(finishedAt));
  const counted = failed.map(finishedAt).filter((at) => at > lastSuccess);
  if (counted.length === 0) return NO_BACKOFF;
  const failures = counted.length + (succeeded.length === 0 ? before.failures : 0);
  return { failures, last: Math.max(...counted) };
}

/** Milliseconds until the next pod may be made: 10 s after the first failure, doubling, at most 10 min. */
export function waitFor({ failures, last }: Backoff, now: number): number {
  if (failures === 0) return 0;
  const wait = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 16), LONGEST_MS);
  return Math.max(0, last + wait - now);
}

/** When the pod ended, as far as it tells: by its containers, its readiness, its deletion, or at the earliest its creation. */
export function finishedAt(pod: Pod): number {
  const { metadata, spec, status } = pod;
  const sidecars = new Set(
    (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always").map(({ name }) => name),
  );
  const statuses = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ];
  const ends = statuses.map(endOf);
  if (ends.length > 0 && ends.every((end) => end !== undefined)) return Math.max(...ends);
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const unready = ready?.status === "False" ? Date.parse(ready.lastTransitionTime ?? "") : Number.NaN;
  if (!Number.isNaN(unready)) return unready;
  const deleted = Date.parse(metadata?.deletionTimestamp ?? "");
  if (!Number.isNaN(deleted)) return deleted - (metadata?.deletionGracePeriodSeconds ?? 0) * 1000;
  return Date.parse(metadata?.creationTimestamp ?? "") || 0;
}

function endOf({ state }: ContainerStatus): number | undefined {
  const end = Date.parse(state?.terminated?.finishedAt ?? "");
  return Number.isNaN(end) ? undefined : end;
}
