import { CORE } from "../../validation/core/rules.ts";
import { created, name, sizeAt } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** Secret: v1. */
export const secrets: Resource = {
  group: "",
  resource: "secrets",
  fieldLabels: { type: "type" },
  rules: CORE["/Secret"],
  cells: (object, now) => [name(object), textAt(object, "type"), sizeAt(object, "data"), created(object, now)],
};
