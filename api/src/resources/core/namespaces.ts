import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** Namespace: v1. */
export const namespaces: Resource = {
  group: "",
  resource: "namespaces",
  prepareForCreate: (namespace) => ({
    ...withLabel(namespace),
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  }),
  prepareForUpdate: (next, old) => withLabel({ ...next, spec: old["spec"], status: old["status"] }),
  fieldLabels: { "status.phase": "status.phase" },
  rules: CORE["/Namespace"],
  statusRules: STATUSES["/Namespace"],
  cells: (object, now) => [name(object), textAt(object, "status.phase"), created(object, now)],
};

/** Every namespace carries its name as a label, so that selectors can name it (KEP-2161). */
function withLabel(namespace: Unstructured): Unstructured {
  const name = namespace.metadata?.name ?? "";
  const labels = { ...namespace.metadata?.labels, "kubernetes.io/metadata.name": name };
  return name === "" ? namespace : { ...namespace, metadata: { ...namespace.metadata, labels } };
}
