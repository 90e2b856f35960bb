import type { Unstructured } from "../../object.ts";
import { member, valueAt } from "../check.ts";

const TEMPLATES = ["spec.template.spec", "spec.jobTemplate.spec.template.spec", "template.spec"];

/** The core/v1.PodSpec of a pod or of what makes pods; undefined of other objects. */
export function podSpecOf(object: Unstructured): unknown {
  const own = valueAt(object, "spec");
  if (member(own, "containers") !== undefined) return own;
  return TEMPLATES.map((path) => valueAt(object, path)).find((spec) => spec !== undefined);
}
