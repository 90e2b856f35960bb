import type { PodGroups } from "./pod-groups.ts";

/** How far from 1 the ratio of what is used to what should be may be without any consequence. */
export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export interface CountInput {
  readonly current: number;
  readonly groups: PodGroups;
  readonly tolerances: Tolerances;
  /** Of what these pods use to what they should. */
  ratioOf(values: ReadonlyMap<string, number>): number;
  /** What a pod that was not measured is taken to use when there may be too many. */
  supposed(pod: string): number;
}

export function isTolerated(ratio: number, { up, down }: Tolerances): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

/**
 * Pure: how many pods it takes so that each uses what it should. Where not all were measured the answer is careful: those not
 * measured are taken to use nothing when that argues for more pods, and all they may when it argues for less.
 */
export function countReplicas({ current, groups, tolerances, ratioOf, supposed }: CountInput): number {
  const { values, ready, unready, missing } = groups;
  const ratio = ratioOf(values);
  const startsMore = unready.size > 0 && ratio > 1;
  if (!startsMore && missing.size === 0) return isTolerated(ratio, tolerances) ? current : rounded(ratio * ready);
  const careful = new Map(values);
  for (const pod of missing) careful.set(pod, ratio < 1 ? supposed(pod) : 0);
  if (startsMore) for (const pod of unready) careful.set(pod, 0);
  const carefully = ratioOf(careful);
  if (isTolerated(carefully, tolerances) || ratio < 1 !== carefully < 1) return current;
  const replicas = rounded(carefully * careful.size);
  return carefully < 1 ? Math.min(current, replicas) : Math.max(current, replicas);
}

/** Up, but for what only floating point adds. */
export function rounded(replicas: number): number {
  return Math.ceil(Number(replicas.toFixed(9)));
}

/** The share of its requests that is used, in percent, rounded down as it is shown. */
export function utilizationOf(values: ReadonlyMap<string, number>, requests: ReadonlyMap<string, number>): number {
  let [used, requested] = [0, 0];
  for (const [pod, value] of values) {
    const request = requests.get(pod);
    if (request === undefined) continue;
    used += value;
    requested += request;
  }
  return requested === 0 ? 0 : Math.trunc((used * 100) / requested);
}

export function averageOf(values: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const value of values.values()) sum += value;
  return values.size === 0 ? 0 : Math.trunc(sum / values.size);
}
