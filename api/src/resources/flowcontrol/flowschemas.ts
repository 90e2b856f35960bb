import type { Unstructured } from "../../object.ts";
import { CLUSTER } from "../../validation/groups/cluster.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { conditionOf, count, created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** FlowSchema: flowcontrol.apiserver.k8s.io/v1. */
export const flowschemas: Resource = {
  group: "flowcontrol.apiserver.k8s.io",
  resource: "flowschemas",
  generation: true,
  rules: CLUSTER["flowcontrol.apiserver.k8s.io/FlowSchema"],
  statusRules: STATUSES["flowcontrol.apiserver.k8s.io/FlowSchema"],
  order: (a, b) => precedenceOf(a) - precedenceOf(b) || (name(a) < name(b) ? -1 : 1),
  cells: (object, now) => [
    name(object),
    textAt(object, "spec.priorityLevelConfiguration.name"),
    count(object, "spec.matchingPrecedence"),
    or(textAt(object, "spec.distinguisherMethod.type")),
    created(object, now),
    or(conditionOf(object, "Dangling").status, "?"),
  ],
};

function precedenceOf(object: Unstructured): number {
  return Number(textAt(object, "spec.matchingPrecedence"));
}
