import { CLUSTER } from "../../validation/groups/cluster.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** Lease: coordination.k8s.io/v1. */
export const leases: Resource = {
  group: "coordination.k8s.io",
  resource: "leases",
  createOnUpdate: true,
  unconditionalUpdate: false,
  rules: CLUSTER["coordination.k8s.io/Lease"],
  cells: (object, now) => [name(object), textAt(object, "spec.holderIdentity"), created(object, now)],
};
