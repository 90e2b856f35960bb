import { apiVersionOf, FieldManager, type Json, type Unstructured } from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import { convert } from "../registry/conversion.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import { resetFieldsOf } from "./reset-fields.ts";

export interface FieldManagerDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Fills in defaults before an update is compared; without it objects have them. */
  complete?(object: Unstructured): Unstructured;
}

/** That of an endpoint. @param subresource "" for the main one. */
export function fieldManagerOf(
  definition: ResourceDefinition,
  subresource: string,
  { registry, clock, complete }: FieldManagerDeps,
): FieldManager {
  const versionOf = (apiVersion: string) => otherVersion(registry, definition, apiVersion);
  return new FieldManager({
    apiVersion: apiVersionOf(definition),
    kind: definition.kind,
    subresource,
    clock,
    ...(complete !== undefined && { complete }),
    versions: {
      schema: (apiVersion) => versionOf(apiVersion)?.schema,
      convert: (object, apiVersion) => {
        const target = versionOf(apiVersion);
        if (target === undefined) return undefined;
        return (
          target.typed ? convert(object as Unstructured, target, target.schema) : { ...(object as object), apiVersion }
        ) as Json;
      },
      resetFields: () => resetFieldsOf(definition, subresource),
    },
  });
}

function otherVersion(
  registry: Registry,
  definition: ResourceDefinition,
  apiVersion: string,
): ResourceDefinition | undefined {
  if (apiVersion === apiVersionOf(definition)) return definition;
  for (const other of registry.all()) {
    if (
      other.group === definition.group && // events are in two, whose owners do not know each other
      other.kind === definition.kind &&
      other.storage.prefix === definition.storage.prefix &&
      apiVersionOf(other) === apiVersion
    )
      return other;
  }
  return undefined;
}
