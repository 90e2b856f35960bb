import {
  ApiError,
  everyField,
  everything,
  type FieldMatcher,
  type LabelMatcher,
  parseFieldSelector,
  parseLabelSelector,
  type Unstructured,
} from "@tsukube/api";
import type { RequestInfo } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { textAt } from "../registry/strategies.ts";

/** What a list or watch wants to see. */
export interface Selection {
  readonly labels: LabelMatcher;
  readonly fields: FieldMatcher;
  /** Nothing is left out: counting and splicing need no look inside. */
  readonly isEverything: boolean;
  matches(object: Unstructured): boolean;
}

/** Parses labelSelector and fieldSelector, and the name in the path. @throws {ApiError} 400 for unknown field labels. */
export function selectionOf(definition: ResourceDefinition, info: RequestInfo): Selection {
  const labelText = info.query.get("labelSelector") ?? "";
  const fieldText = info.query.get("fieldSelector") ?? "";
  const labels = labelText === "" ? everything : parseLabelSelector(labelText);
  const fields = fieldText === "" ? everyField : parseFieldSelector(fieldText);
  for (const { field } of fields.requirements) checkLabel(definition, field);
  const isEverything = labelText === "" && fieldText === "";
  return {
    labels,
    fields,
    isEverything,
    matches: (object) =>
      isEverything ||
      (labels.matches(object.metadata?.labels) && fields.matches((field) => fieldValue(definition, object, field))),
  };
}

function checkLabel(definition: ResourceDefinition, field: string): void {
  if (field === "metadata.name" || (field === "metadata.namespace" && definition.namespaced)) return;
  if (definition.strategy.fieldLabels?.[field] !== undefined || definition.custom?.selectableFields.includes(field))
    return;
  const known = Object.keys(definition.strategy.fieldLabels ?? {}).length > 0;
  if (known) throw ApiError.badRequest(`field label not supported: ${field}`);
  throw ApiError.badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
}

function fieldValue(definition: ResourceDefinition, object: Unstructured, field: string): string {
  if (field === "metadata.name") return object.metadata?.name ?? "";
  if (field === "metadata.namespace") return object.metadata?.namespace ?? "";
  return definition.strategy.fieldLabels?.[field]?.(object) ?? textAt(object, field);
}
