import { SCHEDULING } from "../../validation/groups/scheduling.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** Workload: scheduling.k8s.io/v1alpha3, scheduling.k8s.io/v1beta1. */
export const workloads: Resource = {
  group: "scheduling.k8s.io",
  resource: "workloads",
  gate: "GenericWorkload",
  isUnreconciled: true,
  unconditionalUpdate: false,
  rules: SCHEDULING["scheduling.k8s.io/Workload"],
  cells: (object, now) => [name(object), created(object, now)],
};
