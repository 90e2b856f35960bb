import { SCHEDULING } from "../../validation/groups/scheduling.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { policyOf, workloadOf } from "./group-cells.ts";

/** CompositePodGroup: scheduling.k8s.io/v1alpha3. */
export const compositepodgroups: Resource = {
  group: "scheduling.k8s.io",
  resource: "compositepodgroups",
  gate: "CompositePodGroup",
  isUnreconciled: true,
  unconditionalUpdate: false,
  rules: SCHEDULING["scheduling.k8s.io/CompositePodGroup"],
  cells: (object, now) => [name(object), policyOf(object), workloadOf(object), created(object, now)],
};
