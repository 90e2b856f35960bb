import type { Lease } from "../../../generated/types/coordination-v1.ts";
import { CLUSTER } from "../../validation/groups/cluster.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** Renewals come all the time and from everywhere, long before a Lease ends: several share a commit. */
const RENEWAL_PATIENCE_MS = 10;

/** Lease: coordination.k8s.io/v1. */
export const leases: Resource = {
  group: "coordination.k8s.io",
  resource: "leases",
  createOnUpdate: true,
  unconditionalUpdate: false,
  patience: (next, old) => (holderOf(next) === holderOf(old) ? RENEWAL_PATIENCE_MS : 0),
  rules: CLUSTER["coordination.k8s.io/Lease"],
  cells: (object, now) => [name(object), textAt(object, "spec.holderIdentity"), created(object, now)],
};

function holderOf(lease: Lease): string | undefined {
  return lease.spec?.holderIdentity;
}
