import type { ManagedFieldsEntry } from "../../generated/types/meta-v1.ts";
import { FieldSet } from "./field-set.ts";
import {
  decodeManagedFields,
  encodeManagedFields,
  type Managed,
  managerId,
  managerIdentity,
} from "./managed-fields.ts";
import { fieldElement } from "./path.ts";

const SCALE = "autoscaling/v1";
const REPLICAS_OF_SCALE = [fieldElement("spec"), fieldElement("replicas")];

/** Where a workload keeps the replicas that its scale shows, such as ["spec", "replicas"]; undefined in versions without scale. */
export type ReplicasPathOf = (apiVersion: string) => readonly string[] | undefined;

type Entries = readonly ManagedFieldsEntry[] | undefined;

/** managedFields of a scale: who owns the replicas of its workload, in the scale's terms. */
export function scaleManagedFields(workload: Entries, pathOf: ReplicasPathOf): readonly ManagedFieldsEntry[] {
  const { managers, times } = decoded(workload);
  const scale = { managers: new Map(), times: new Map<string, string>() };
  for (const [id, owned] of managers) {
    const path = replicasIn(pathOf, owned.apiVersion);
    if (path === undefined || !owned.set.has(path)) continue;
    const own = inVersion(id, SCALE);
    scale.managers.set(own, { ...owned, set: FieldSet.of(REPLICAS_OF_SCALE), apiVersion: SCALE });
    const time = times.get(id);
    if (time !== undefined) scale.times.set(own, time);
  }
  return encodeManagedFields(scale);
}

/** managedFields of a workload after a write to its scale, which left these. @param apiVersion That the write spoke. */
export function managedFieldsAfterScale(
  workload: Entries,
  scale: Entries,
  pathOf: ReplicasPathOf,
  apiVersion: string,
): readonly ManagedFieldsEntry[] {
  const before = decoded(workload);
  const managers = new Map(before.managers);
  const owners = new Set<string>();
  for (const [id, { applied, set }] of decoded(scale).managers) {
    const own = inVersion(id, apiVersion);
    owners.add(own);
    if (!set.has(REPLICAS_OF_SCALE)) continue;
    const replicas = FieldSet.of(replicasIn(pathOf, apiVersion) ?? REPLICAS_OF_SCALE);
    const present = managers.get(own);
    managers.set(own, { set: present?.set.union(replicas) ?? replicas, apiVersion, applied });
  }
  for (const [id, owned] of before.managers) {
    const path = replicasIn(pathOf, owned.apiVersion);
    if (path === undefined || owners.has(id) || !owned.set.has(path)) continue;
    const set = owned.set.difference(FieldSet.of(path)); // somebody else has them now
    if (set.isEmpty) managers.delete(id);
    else managers.set(id, { ...owned, set });
  }
  return encodeManagedFields({ managers, times: before.times });
}

function decoded(entries: Entries): Managed {
  return decodeManagedFields(entries) ?? { managers: new Map(), times: new Map() };
}

function replicasIn(pathOf: ReplicasPathOf, apiVersion: string): readonly string[] | undefined {
  return pathOf(apiVersion)?.map(fieldElement);
}

/** The same manager as one that speaks another version. */
function inVersion(id: string, apiVersion: string): string {
  const identity = managerIdentity(id);
  return managerId({ ...identity, apiVersion: identity.operation === "Apply" ? "" : apiVersion });
}
