import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import type { Resource } from "../resource.ts";

/** LimitRange: v1. */
export const limitranges: Resource = {
  group: "",
  resource: "limitranges",
  createOnUpdate: true,
  prepareForCreate: withName,
  rules: CORE["/LimitRange"],
};

/** Of all kinds only this one may be made without a name. */
function withName(limits: Unstructured): Unstructured {
  const { name, uid } = limits.metadata ?? {};
  return name ? limits : { ...limits, metadata: { ...limits.metadata, name: uid ?? "" } };
}
