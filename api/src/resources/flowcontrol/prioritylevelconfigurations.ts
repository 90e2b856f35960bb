import { CLUSTER } from "../../validation/groups/cluster.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { created, NONE, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** PriorityLevelConfiguration: flowcontrol.apiserver.k8s.io/v1. */
export const prioritylevelconfigurations: Resource = {
  group: "flowcontrol.apiserver.k8s.io",
  resource: "prioritylevelconfigurations",
  generation: true,
  rules: CLUSTER["flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration"],
  statusRules: STATUSES["flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration"],
  cells: (object, now) => {
    const queuing = "spec.limited.limitResponse.queuing";
    return [
      name(object),
      textAt(object, "spec.type"),
      numberOr(textAt(object, "spec.limited.nominalConcurrencyShares")),
      numberOr(textAt(object, `${queuing}.queues`)),
      numberOr(textAt(object, `${queuing}.handSize`)),
      numberOr(textAt(object, `${queuing}.queueLengthLimit`)),
      created(object, now),
    ];
  },
};

function numberOr(text: string): number | string {
  return text === "" ? NONE : Number(text);
}
