import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { labelsText, listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** PodTemplate: v1. */
export const podtemplates: Resource = {
  group: "",
  resource: "podtemplates",
  generation: true,
  returnsDeleted: true,
  rules: CORE["/PodTemplate"],
  warnings: workloadWarner("/PodTemplate"),
  cells: (object) => {
    const containers = listAt(object, "template.spec.containers");
    const labels = (object["template"] as Unstructured | undefined)?.metadata?.labels;
    const all = (field: string): string => containers.map((container) => textAt(container, field)).join(",");
    return [name(object), all("name"), all("image"), labelsText(labels)];
  },
};
