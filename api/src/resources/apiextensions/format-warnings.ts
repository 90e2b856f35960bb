import type { CustomResourceDefinition, JSONSchemaProps } from "../../../generated/types/apiextensions-v1.ts";
import { isKnownFormat } from "../../crd/formats.ts";
import type { Unstructured } from "../../object.ts";

/** Formats of texts that nobody checks: those that an update brings. */
export function formatWarnings(definition: Unstructured, old: Unstructured | undefined): readonly string[] {
  const before = new Set(old === undefined ? [] : formatsOf(old));
  return formatsOf(definition)
    .filter((format) => !before.has(format) && !isKnownFormat(format))
    .map((format) => `unrecognized format "${format}"`);
}

function formatsOf(definition: Unstructured): readonly string[] {
  const { spec } = definition as unknown as CustomResourceDefinition;
  return (spec?.versions ?? []).flatMap(({ schema }) => [...formatsIn(schema?.openAPIV3Schema)]);
}

function* formatsIn(schema: JSONSchemaProps | undefined): Generator<string> {
  if (typeof schema !== "object" || schema === null) return;
  const { properties = {}, items, additionalProperties, allOf = [], anyOf = [], oneOf = [], not } = schema;
  if (schema.type === "string" && schema.format) yield schema.format;
  const below = [...Object.values(properties), items, additionalProperties, ...allOf, ...anyOf, ...oneOf, not];
  for (const each of below) yield* formatsIn(each as JSONSchemaProps | undefined);
}
