import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import type { Constraints, Field, MapSchema, ObjectSchema, Scalar, ScalarSchema, Schema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";

const compiled = new WeakMap<JSONSchemaProps, ObjectSchema>();

/**
 * The schema of a custom resource: its structural schema, with apiVersion, kind and metadata understood. Compiled once per
 * schema given.
 * @param props `spec.versions[].schema.openAPIV3Schema`, structural (see structuralErrors).
 */
export function compileStructural(props: JSONSchemaProps): ObjectSchema {
  let schema = compiled.get(props);
  if (schema === undefined) {
    schema = compileObject({ ...props, "x-kubernetes-embedded-resource": true });
    compiled.set(props, schema);
  }
  return schema;
}

/** The schema of one node. */
export function compileNode(props: JSONSchemaProps): Schema {
  if (props["x-kubernetes-int-or-string"] === true)
    return { ...constraints(props), kind: "scalar", scalar: "intOrString" };
  switch (props.type) {
    case "object":
      return compileObjectOrMap(props);
    case "array":
      return {
        ...constraints(props),
        kind: "list",
        items: isSchema(props.items) ? compileNode(props.items) : ANYTHING,
        listType: (props["x-kubernetes-list-type"] ?? "atomic") as "atomic" | "set" | "map",
        mapKeys: props["x-kubernetes-list-map-keys"] ?? [],
      };
    default:
      return { ...constraints(props), kind: "scalar", scalar: SCALARS[props.type ?? ""] ?? "any", ...ifObject(props) };
  }
}

const SCALARS: Readonly<Record<string, Scalar>> = {
  string: "string",
  integer: "int64",
  number: "double",
  boolean: "bool",
};
/** Of values that a schema says nothing of. */
export const ANYTHING: Schema = { kind: "scalar", scalar: "any" };

/** A node with x-kubernetes-preserve-unknown-fields may have properties without saying that it is an object. */
function ifObject(props: JSONSchemaProps): Pick<ScalarSchema, "ifObject"> {
  const names = props.properties !== undefined || isSchema(props.additionalProperties);
  return names && props.type === undefined ? { ifObject: compileObjectOrMap(props) } : {};
}

function compileObjectOrMap(props: JSONSchemaProps): ObjectSchema | MapSchema {
  if (props.properties !== undefined || props["x-kubernetes-embedded-resource"] === true) return compileObject(props);
  const values: unknown = props.additionalProperties;
  const mapType = (props["x-kubernetes-map-type"] ?? "granular") as "granular" | "atomic";
  if (!isSchema(values) && values !== true) return compileObject(props);
  return {
    ...constraints(props),
    kind: "map",
    values: isSchema(values) ? compileNode(values) : ANYTHING,
    mapType,
    ...(props.required !== undefined && { requiredKeys: props.required }),
  };
}

function compileObject(props: JSONSchemaProps): ObjectSchema {
  const embeddedResource = props["x-kubernetes-embedded-resource"] === true;
  const required = new Set(props.required ?? []);
  const fields = new Map<string, Field>();
  if (embeddedResource) addTypeMeta(fields, props, required);
  for (const name of Object.keys(props.properties ?? {}).sort()) {
    const property = props.properties?.[name];
    if (property === undefined || (embeddedResource && fields.has(name))) continue;
    let schema: Schema | undefined;
    fields.set(name, {
      ...field(name, required.has(name)),
      get schema() {
        schema ??= compileNode(property);
        return schema;
      },
    });
  }
  const others = [...required].filter((name) => !fields.has(name));
  return {
    ...constraints(props),
    ...(others.length > 0 && { requiredKeys: others }),
    kind: "object",
    typeName: "",
    fields,
    mapType: (props["x-kubernetes-map-type"] ?? "granular") as "granular" | "atomic",
    preserveUnknown: props["x-kubernetes-preserve-unknown-fields"] === true,
    embeddedResource,
  };
}

/** What every resource has, with what a schema says of it besides. */
function addTypeMeta(fields: Map<string, Field>, props: JSONSchemaProps, required: ReadonlySet<string>): void {
  for (const name of ["apiVersion", "kind"]) {
    const own = props.properties?.[name];
    const schema: Schema = own === undefined ? { kind: "scalar", scalar: "string" } : compileNode(own);
    fields.set(name, { ...field(name, required.has(name)), schema });
  }
  const own = props.properties?.["metadata"];
  const metadata = schemaOfType("meta/v1.ObjectMeta") as ObjectSchema;
  const { kind, typeName, mapType, preserveUnknown, embeddedResource } = metadata;
  fields.set("metadata", {
    ...field("metadata", required.has("metadata")),
    schema: {
      kind,
      typeName,
      mapType,
      preserveUnknown,
      embeddedResource,
      get fields() {
        return metadata.fields;
      },
      ...(own?.default !== undefined && { default: own.default }),
      ...(own !== undefined && { restriction: compileNode(withKnownProperties(own, metadata)) }),
    },
  });
}

function withKnownProperties(props: JSONSchemaProps, { fields }: ObjectSchema): JSONSchemaProps {
  if (props.properties === undefined) return props;
  const known = Object.entries(props.properties).filter(([name]) => fields.has(name));
  return { ...props, properties: Object.fromEntries(known) };
}

function field(name: string, required: boolean): Omit<Field, "schema"> {
  return { name, required, omit: "empty", pointer: true, patchStrategy: [] };
}

/** Go calls these JSONSchemaPropsOrArray and JSONSchemaPropsOrBool. */
function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const KEYWORDS = [
  "nullable",
  "default",
  "enum",
  "pattern",
  "format",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "description",
] as const;

function constraints(props: JSONSchemaProps): Constraints {
  const out: Record<string, unknown> = {};
  for (const keyword of KEYWORDS) if (props[keyword] !== undefined) out[keyword] = props[keyword];
  const rules = props["x-kubernetes-validations"];
  if (rules !== undefined && rules.length > 0) out["validations"] = rules;
  return out;
}
