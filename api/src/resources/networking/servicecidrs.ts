import { NETWORKING } from "../../validation/groups/networking.ts";
import { created, listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ServiceCIDR: networking.k8s.io/v1. */
export const servicecidrs: Resource = {
  group: "networking.k8s.io",
  resource: "servicecidrs",
  rules: NETWORKING["networking.k8s.io/ServiceCIDR"],
  cells: (object, now) => [name(object), listAt<string>(object, "spec.cidrs").join(","), created(object, now)],
};
