import type { Unstructured } from "../../object.ts";
import { SCHEDULING } from "../../validation/groups/scheduling.ts";
import { conditionAt, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { policyOf, workloadOf } from "./group-cells.ts";

/** PodGroup: scheduling.k8s.io/v1alpha3, scheduling.k8s.io/v1beta1. */
export const podgroups: Resource = {
  group: "scheduling.k8s.io",
  resource: "podgroups",
  gate: "GenericWorkload",
  isUnreconciled: true,
  unconditionalUpdate: false,
  rules: SCHEDULING["scheduling.k8s.io/PodGroup"],
  cells: (object, now) => [
    name(object),
    policyOf(object),
    workloadOf(object),
    groupState(object),
    created(object, now),
  ],
};

function groupState(group: Unstructured): string {
  const disrupted = conditionAt(group, "DisruptionTarget");
  if (disrupted !== undefined) return disrupted.reason ?? "";
  const scheduled = conditionAt(group, "PodGroupInitiallyScheduled");
  if (scheduled === undefined) return "Pending";
  return scheduled.status === "True" ? "Scheduled" : "Unschedulable";
}
