import { type Decoded, DecodeError, type DecodeOptions } from "../codec/decode-error.ts";
import { decodeUnstructured, normalize } from "../codec/json-decode.ts";
import { decodeYamlUnstructured } from "../codec/yaml.ts";
import type { Unstructured } from "../object.ts";
import type { ObjectSchema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";
import { prune } from "./prune.ts";
import { applySchemaDefaults, type Nulls } from "./schema-defaults.ts";

/**
 * Decodes a custom resource: metadata by its type, the rest as it is, without fields that the schema does not know. Types are
 * left to validateValue, as upstream answers 422 for them.
 * @param schema From compileStructural.
 * @throws {DecodeError}
 */
export function decodeCustomResource(
  bytes: Uint8Array,
  schema: ObjectSchema,
  format: "json" | "yaml" = "json",
  options: DecodeOptions = {},
): Decoded<Unstructured> {
  const decode = format === "json" ? decodeUnstructured<unknown> : decodeYamlUnstructured<unknown>;
  const { object, problems } = decode(bytes, options);
  const clean = cleanCustomResource(object, schema, options);
  return { object: clean.object, problems: [...problems, ...clean.problems] };
}

/** The same for a value, such as a patched resource: metadata in normal form, unknown fields dropped and reported. */
export function cleanCustomResource(
  value: unknown,
  schema: ObjectSchema,
  options: DecodeOptions = {},
): Decoded<Unstructured> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const what = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
    throw new DecodeError("type", `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`);
  }
  const { metadata, ...rest } = value as Record<string, unknown>;
  const meta = normalize<Unstructured>({ metadata }, schemaOfType("meta/v1.PartialObjectMetadata"), options);
  const pruned = prune(rest, schema);
  if (pruned.unreadable !== undefined) throw new DecodeError("type", pruned.unreadable);
  const unknown = [...pruned.unknown, ...pruned.unknownMetadata];
  const problems = [...meta.problems, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)];
  return { object: { ...pruned.object, metadata: meta.object.metadata ?? {} } as Unstructured, problems };
}

/** Fills in the defaults of a custom resource. */
export function defaultCustomResource<T extends Unstructured>(
  object: T,
  schema: ObjectSchema,
  nulls: Nulls = "drop",
): T {
  return applySchemaDefaults(object, schema, nulls);
}
