import { LIFECYCLE } from "../../validation/groups/lifecycle.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { evictionState, targetOf } from "./eviction-cells.ts";

/** EvictionRequest: lifecycle.k8s.io/v1alpha1. */
export const evictionrequests: Resource = {
  group: "lifecycle.k8s.io",
  resource: "evictionrequests",
  gate: "EvictionRequestAPI",
  isUnreconciled: true,
  generation: true,
  unconditionalUpdate: false,
  rules: LIFECYCLE["lifecycle.k8s.io/EvictionRequest"],
  cells: (object, now) => [
    name(object),
    ...targetOf(object),
    evictionState(object),
    textAt(object, "spec.requester"),
    textAt(object, "spec.intent"),
    created(object, now),
  ],
};
