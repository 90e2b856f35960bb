import { CLUSTER } from "../../validation/groups/cluster.ts";
import { count, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** PriorityClass: scheduling.k8s.io/v1. */
export const priorityclasses: Resource = {
  group: "scheduling.k8s.io",
  resource: "priorityclasses",
  generation: true,
  rules: CLUSTER["scheduling.k8s.io/PriorityClass"],
  cells: (object, now) => [
    name(object),
    count(object, "value"),
    textAt(object, "globalDefault") === "true",
    created(object, now),
    textAt(object, "preemptionPolicy"),
  ],
};
