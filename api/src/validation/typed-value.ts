import { encodeJsonText, JsonText } from "../codec/json-encode.ts";
import { schemaOfType } from "../schema-of.ts";

/**
 * A value as messages show those of types of meta/v1: with members in the order of their type, not sorted.
 * @param typeName Such as "meta/v1.LabelSelector".
 */
export function typedValue(value: unknown, typeName: string): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new JsonText(encodeJsonText(value, schemaOfType(typeName)));
}

/** A label selector as messages show it. */
export function shownSelector(value: unknown): unknown {
  return typedValue(value, "meta/v1.LabelSelector");
}
