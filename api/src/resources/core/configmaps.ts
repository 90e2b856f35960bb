import { CORE } from "../../validation/core/rules.ts";
import { created, name, sizeAt } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ConfigMap: v1. */
export const configmaps: Resource = {
  group: "",
  resource: "configmaps",
  rules: CORE["/ConfigMap"],
  cells: (object, now) => [name(object), sizeAt(object, "data") + sizeAt(object, "binaryData"), created(object, now)],
};
