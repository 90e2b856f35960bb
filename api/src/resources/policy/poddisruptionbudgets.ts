import { CLUSTER } from "../../validation/groups/cluster.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { count, created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** PodDisruptionBudget: policy/v1. */
export const poddisruptionbudgets: Resource = {
  group: "policy",
  resource: "poddisruptionbudgets",
  generation: true,
  unconditionalUpdate: false,
  rules: CLUSTER["policy/PodDisruptionBudget"],
  statusRules: STATUSES["policy/PodDisruptionBudget"],
  cells: (object, now) => [
    name(object),
    or(textAt(object, "spec.minAvailable"), "N/A"),
    or(textAt(object, "spec.maxUnavailable"), "N/A"),
    count(object, "status.disruptionsAllowed"),
    created(object, now),
  ],
};
