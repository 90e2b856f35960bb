import { aggregateMessage, fieldErrorMessage, structuralErrors } from "@tsukube/api";
import type { CustomResourceDefinition, JSONSchemaProps } from "@tsukube/api/types/apiextensions-v1";

const TYPE = "NonStructuralSchema";

/**
 * The condition of a definition that keeps unknown fields, as those of apiextensions.k8s.io/v1beta1 may in an etcd that is older than v1, and
 * what of its schemas v1 refuses. Schemas of all others were held against v1 when they were written. undefined: it has none.
 */
export function nonStructural({
  spec,
}: CustomResourceDefinition):
  | { readonly type: string; readonly status: "True"; readonly reason: string; readonly message: string }
  | undefined {
  if (spec?.preserveUnknownFields !== true) return undefined;
  const errors = (spec.versions ?? []).flatMap(({ schema }, index) => {
    const props = schema?.openAPIV3Schema as JSONSchemaProps | undefined;
    return props === undefined ? [] : structuralErrors(props, `spec.versions[${index}].schema.openAPIV3Schema`);
  });
  const preserved = "spec.preserveUnknownFields: Invalid value: true: must be false";
  const message = aggregateMessage([preserved, ...errors.map(fieldErrorMessage)]);
  return { type: TYPE, status: "True", reason: "Violations", message };
}

/** The definition without that condition, once it is mended. */
export function withoutNonStructural(crd: CustomResourceDefinition): CustomResourceDefinition {
  const { status } = crd;
  const conditions = status?.conditions?.filter(({ type }) => type !== TYPE);
  if (status === undefined || conditions?.length === status.conditions?.length) return crd;
  return { ...crd, status: { ...status, conditions: conditions ?? [] } };
}
