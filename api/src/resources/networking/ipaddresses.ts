import { NETWORKING } from "../../validation/groups/networking.ts";
import { name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** IPAddress: networking.k8s.io/v1. */
export const ipaddresses: Resource = {
  group: "networking.k8s.io",
  resource: "ipaddresses",
  rules: NETWORKING["networking.k8s.io/IPAddress"],
  cells: (object) => {
    const parts = ["resource", "namespace", "name"].map((field) => textAt(object, `spec.parentRef.${field}`));
    const group = textAt(object, "spec.parentRef.group");
    if (parts[0] !== "" && group !== "") parts[0] = `${parts[0]}.${group}`;
    return [name(object), or(parts.filter((part) => part !== "").join("/"))];
  },
};
