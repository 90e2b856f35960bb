import type { Unstructured } from "../../object.ts";
import { conditionAt, UNSET } from "../cells.ts";
import { textAt } from "../text-at.ts";

/** What is to be evicted: name and kind. */
export function targetOf(object: Unstructured): readonly [string, string] {
  return textAt(object, "spec.target.pod") === "" ? [UNSET, UNSET] : [textAt(object, "spec.target.pod.name"), "Pod"];
}

/** How far an eviction, or a request for one, is. */
export function evictionState(object: Unstructured): string {
  for (const type of ["TargetEvicted", "Failed"]) {
    const condition = conditionAt(object, type);
    if (condition?.status === "True") return `${type} (${condition.reason ?? ""})`;
  }
  return Number(textAt(object, "status.observedGeneration")) > 0 ? "Progressing" : "Pending";
}
