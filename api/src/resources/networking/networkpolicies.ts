import { labelMatcherOf } from "../../selectors/index.ts";
import { NETWORKING } from "../../validation/groups/networking.ts";
import { networkPolicyWarnings } from "../../warnings/networking.ts";
import { created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** NetworkPolicy: networking.k8s.io/v1. */
export const networkpolicies: Resource = {
  group: "networking.k8s.io",
  resource: "networkpolicies",
  isUnreconciled: true,
  generation: true,
  rules: NETWORKING["networking.k8s.io/NetworkPolicy"],
  warnings: networkPolicyWarnings,
  cells: (object, now) => {
    const selector = (object["spec"] as { readonly podSelector?: object } | undefined)?.podSelector ?? {};
    return [name(object), or(labelMatcherOf(selector).toString()), created(object, now)];
  },
};
