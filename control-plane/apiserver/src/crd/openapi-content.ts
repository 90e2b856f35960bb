import type { OpenApiContent } from "@tsukube/api";
import type { Registry } from "../registry/registry.ts";

/** Everything that is served, as the OpenAPI documents want it. */
export function openApiContentOf({ infos, custom }: Registry): OpenApiContent {
  return {
    resources: infos,
    customResources: custom.flatMap((definition) =>
      definition.custom === undefined ? [] : [definition.custom.openApi],
    ),
  };
}
