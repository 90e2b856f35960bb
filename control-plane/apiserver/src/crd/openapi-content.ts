import type { CustomResource } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";

/** Custom resources as the OpenAPI documents want them. */
export function openApiContentOf(definitions: readonly ResourceDefinition[]): {
  readonly customResources: readonly CustomResource[];
} {
  return {
    customResources: definitions.flatMap((definition) =>
      definition.custom === undefined ? [] : [definition.custom.openApi],
    ),
  };
}
