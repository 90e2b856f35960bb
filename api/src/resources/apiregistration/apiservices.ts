import { CLUSTER } from "../../validation/groups/cluster.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { conditionOf, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** APIService: apiregistration.k8s.io/v1. */
export const apiservices: Resource = {
  group: "apiregistration.k8s.io",
  resource: "apiservices",
  unconditionalUpdate: false,
  rules: CLUSTER["apiregistration.k8s.io/APIService"],
  statusRules: STATUSES["apiregistration.k8s.io/APIService"],
  cells: (object, now) => {
    const service = textAt(object, "spec.service.name");
    const { status, reason } = conditionOf(object, "Available");
    return [
      name(object),
      service === "" ? "Local" : `${textAt(object, "spec.service.namespace")}/${service}`,
      status === "" ? "Unknown" : status === "True" ? status : `${status} (${reason})`,
      created(object, now),
    ];
  },
};
