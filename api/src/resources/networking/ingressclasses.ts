import { NETWORKING } from "../../validation/groups/networking.ts";
import { created, NONE, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** IngressClass: networking.k8s.io/v1. */
export const ingressclasses: Resource = {
  group: "networking.k8s.io",
  resource: "ingressclasses",
  generation: true,
  rules: NETWORKING["networking.k8s.io/IngressClass"],
  cells: (object, now) => {
    const kind = textAt(object, "spec.parameters.kind");
    const group = textAt(object, "spec.parameters.apiGroup");
    const type = group === "" ? kind : `${kind}.${group}`;
    const parameters = kind === "" ? NONE : `${type}/${textAt(object, "spec.parameters.name")}`;
    return [name(object), textAt(object, "spec.controller"), parameters, created(object, now)];
  },
};
