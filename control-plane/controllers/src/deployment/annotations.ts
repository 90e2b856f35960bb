import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";
import { limitsOf, REVISION, revisionOf } from "./plan.ts";

const HISTORY = "deployment.kubernetes.io/revision-history";
const DESIRED = "deployment.kubernetes.io/desired-replicas";
const MAX = "deployment.kubernetes.io/max-replicas";
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
  REVISION,
  HISTORY,
  DESIRED,
  MAX,
]);
const HISTORY_LIMIT = 2000;

type Annotations = Readonly<Record<string, string>>;

/**
 * Pure: the annotations of the set of the present template: the deployment's, `revision`, and the revisions that the set had
 * before ("1,3"; the oldest are left out beyond 2000 characters).
 */
export function annotationsOf(deployment: Deployment, revision: bigint, current?: ReplicaSet): Annotations {
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name));
  const present = current?.metadata?.annotations ?? {};
  const before = current === undefined ? 0n : revisionOf(current);
  const history = before > 0n && before < revision ? { [HISTORY]: longer(present[HISTORY], before) } : {};
  return {
    ...present,
    ...Object.fromEntries(copied),
    ...history,
    [REVISION]: String(before > revision ? before : revision),
  };
}

function longer(history: string | undefined, revision: bigint): string {
  const revisions = [...(history === undefined || history === "" ? [] : history.split(",")), String(revision)];
  while (revisions.join(",").length > HISTORY_LIMIT) revisions.shift();
  return revisions.join(",");
}

/** For which size of the deployment a set got its size: what a later change of that size is measured against. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec?.replicas ?? 1;
  return { [DESIRED]: String(replicas), [MAX]: String(replicas + limitsOf(deployment).surge) };
}

/** The size of the deployment for which the set was sized; undefined when not recorded. */
export function desiredOf(set: ReplicaSet): number | undefined {
  return numberAt(set, DESIRED);
}

/** The most pods that the deployment could have when the set was sized; undefined when not recorded. */
export function maxOf(set: ReplicaSet): number | undefined {
  return numberAt(set, MAX);
}

function numberAt(set: ReplicaSet, name: string): number | undefined {
  const value = Number.parseInt(set.metadata?.annotations?.[name] ?? "", 10);
  return Number.isNaN(value) ? undefined : value;
}

/** Whether the set lacks any of the annotations. */
export function lacks(set: ReplicaSet, annotations: Annotations): boolean {
  return Object.entries(annotations).some(([name, value]) => set.metadata?.annotations?.[name] !== value);
}
