import { CLUSTER } from "../../validation/groups/cluster.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** LeaseCandidate: coordination.k8s.io/v1alpha2, coordination.k8s.io/v1beta1. */
export const leasecandidates: Resource = {
  group: "coordination.k8s.io",
  resource: "leasecandidates",
  isUnreconciled: true,
  createOnUpdate: true,
  unconditionalUpdate: false,
  rules: CLUSTER["coordination.k8s.io/LeaseCandidate"],
  cells: (object, now) => [
    name(object),
    textAt(object, "spec.leaseName"),
    textAt(object, "spec.binaryVersion"),
    textAt(object, "spec.emulationVersion"),
    created(object, now),
  ],
  versions: { v1alpha2: { lifetime: { since: 35, until: 38 } }, v1beta1: { lifetime: { since: 36, until: 39 } } },
};
