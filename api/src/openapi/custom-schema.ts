import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import type { Dialect, Node } from "./definitions.ts";

/**
 * The schema of a custom resource as a document says it.
 * @param embedded Properties that an embedded object has besides its own.
 */
export function customSchema(schema: JSONSchemaProps, dialect: Dialect, embedded: Node): Node {
  const of = (part: JSONSchemaProps) => customSchema(part, dialect, embedded);
  const members = Object.entries(schema).map(([name, value]) => [name, memberOf(name, value, of)] as const);
  const out = Object.fromEntries(members);
  const plain = dialect === 2 ? toSwagger(schema, out) : withIntOrString(schema, out);
  const isNamed = schema["x-kubernetes-embedded-resource"] === true && !(dialect === 2 && keepsUnknown(schema));
  return isNamed ? withEmbedded(plain, embedded) : plain;
}

/** Whether fields that the schema does not name are kept. */
export function keepsUnknown(schema: JSONSchemaProps): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true;
}

function memberOf(name: string, value: unknown, of: (part: JSONSchemaProps) => Node): unknown {
  if (name === "properties") {
    const members = Object.entries(value as Record<string, JSONSchemaProps>);
    return Object.fromEntries(members.map(([key, each]) => [key, of(each)]));
  }
  const isSchema = (name === "items" || name === "additionalProperties") && typeof value === "object";
  return isSchema ? of(value as JSONSchemaProps) : value;
}

const INTEGER_OR_STRING = [{ type: "integer" }, { type: "string" }];

/** A value that may be both says so in words that every reader of JSON Schema knows. */
function withIntOrString(schema: JSONSchemaProps, out: Node): Node {
  if (schema["x-kubernetes-int-or-string"] !== true) return out;
  const { anyOf, allOf = [] } = schema as Alternatives;
  const [first] = allOf;
  if (saysBoth(anyOf) || saysBoth(first?.anyOf)) return out;
  if (anyOf === undefined) return { ...out, anyOf: INTEGER_OR_STRING };
  return { ...out, allOf: [{ anyOf: INTEGER_OR_STRING }, ...allOf] };
}

interface Alternatives {
  readonly anyOf?: readonly object[];
  readonly allOf?: readonly { readonly anyOf?: readonly object[] }[];
}

function saysBoth(anyOf: readonly object[] | undefined): boolean {
  return JSON.stringify(anyOf) === JSON.stringify(INTEGER_OR_STRING);
}

function withEmbedded(node: Node, embedded: Node): Node {
  const { properties, required } = node as { readonly properties?: Node; readonly required?: readonly string[] };
  const missing = ["kind", "apiVersion"].filter((name) => !required?.includes(name));
  return { ...node, properties: { ...properties, ...embedded }, required: [...(required ?? []), ...missing] };
}

const UNKNOWN_TO_SWAGGER = ["oneOf", "anyOf", "allOf", "not", "nullable", "default"];

/**
 * Swagger knows no alternatives and no null: such nodes lose them, and a nullable node its type. What may hold unknown fields
 * says nothing of those that it knows, and kubectl does not understand an array without items.
 */
function toSwagger(schema: JSONSchemaProps, members: Node): Node {
  const out: Record<string, unknown> = { ...members };
  for (const name of UNKNOWN_TO_SWAGGER) delete out[name];
  const nullable = schema.nullable === true;
  if (nullable || keepsUnknown(schema)) for (const name of ["items", "properties"]) delete out[name];
  const untyped =
    nullable ||
    (schema.type === "array" ? out["items"] === undefined : keepsUnknown(schema) && schema.type === "object");
  if (untyped) delete out["type"];
  const required = requiredInSwagger(schema);
  if (required.length > 0) out["required"] = required;
  else delete out["required"];
  return out;
}

/** What may be null need not be there. */
function requiredInSwagger(schema: JSONSchemaProps): readonly string[] {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JSONSchemaProps>>;
  const { additionalProperties } = schema as { readonly additionalProperties?: JSONSchemaProps | boolean };
  if (typeof additionalProperties === "object" && additionalProperties.nullable === true) return [];
  return (schema.required ?? []).filter((name) => properties[name]?.nullable !== true);
}
