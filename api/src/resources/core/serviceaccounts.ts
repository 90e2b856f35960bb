import { CORE } from "../../validation/core/rules.ts";
import { serviceAccountWarnings } from "../../warnings/cluster.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ServiceAccount: v1. */
export const serviceaccounts: Resource = {
  group: "",
  resource: "serviceaccounts",
  returnsDeleted: true,
  rules: CORE["/ServiceAccount"],
  warnings: (account: never, old) => serviceAccountWarnings(account, old as never),
  cells: (object, now) => [name(object), created(object, now)],
};
