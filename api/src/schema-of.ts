import { CUSTOM_TYPES } from "./codec/custom-types.ts";
import { type FactField, type FactType, factsType } from "./facts.ts";
import { kindOf } from "./kinds.ts";
import type { Field, GroupVersionKind, ListSchema, ObjectSchema, Scalar, ScalarSchema, Schema } from "./schema.ts";

const SCALARS: ReadonlySet<string> = new Set<Scalar>([
  "string",
  "int32",
  "int64",
  "bool",
  "double",
  "bytes",
  "quantity",
  "intOrString",
  "time",
  "microTime",
  "duration",
  "fieldsV1",
  "raw",
  "any",
]);

const CUSTOM: ReadonlySet<string> = new Set(Object.values(CUSTOM_TYPES));

const compiled = new Map<string, Schema>();

/** The schema of a built-in kind; undefined when there is none. */
export function schemaOf(gvk: GroupVersionKind): ObjectSchema | undefined {
  const kind = kindOf(gvk);
  return kind === undefined ? undefined : (schemaOfType(kind.typeName) as ObjectSchema);
}

/**
 * The schema of a type of facts/kinds.json such as "core/v1.PodSpec"; compiled on first use, always the same instance.
 * @throws {Error} when there is no such type.
 */
export function schemaOfType(typeName: string): Schema {
  let schema = compiled.get(typeName);
  if (schema === undefined) {
    schema = compileType(typeName);
    compiled.set(typeName, schema);
  }
  return schema;
}

function compileType(typeName: string): Schema {
  if (CUSTOM.has(typeName)) return { kind: "scalar", scalar: "any", typeName };
  const type = factsType(typeName);
  if (type === undefined) throw new Error(`Cannot compile type "${typeName}": not in facts/kinds.json`);
  if (type.items !== undefined) {
    const items = schemaOfExpression(type.items.type);
    return { kind: "list", items, listType: "atomic", mapKeys: [], typeName };
  }
  let fields: ReadonlyMap<string, Field> | undefined;
  return {
    kind: "object",
    typeName,
    get fields() {
      fields ??= new Map(compileFields(type, []).map((field) => [field.name, field]));
      return fields;
    },
    mapType: type.mapType ?? "granular",
    preserveUnknown: false,
    embeddedResource: false,
    ...(type.unions !== undefined && { unions: type.unions }),
  } satisfies ObjectSchema;
}

/** Inlined structs stand in their parent's JSON; where protobuf nests them, `path` keeps the numbers of the nesting. */
function compileFields(type: FactType, path: readonly number[], embeddedIn: readonly string[] = []): Field[] {
  return (type.fields ?? []).flatMap((field) => {
    if (field.inline === undefined) return [compileField(field, path, embeddedIn)];
    const inner = factsType(field.type);
    if (inner === undefined) throw new Error(`Cannot inline type "${field.type}": not in facts/kinds.json`);
    const within = [...embeddedIn, shortGoName(field.type).replace(/^.*\./, "")];
    if (field.pb !== undefined) return compileFields(inner, [...path, field.pb], within);
    return compileFields(inner, path, within).map(withoutProtobuf);
  });
}

/** TypeMeta stands in JSON and in the envelope, never in the message. */
function withoutProtobuf(field: Field): Field {
  const { name, embeddedIn = [], required, omit, pointer, patchStrategy, goType: type = "" } = field;
  return { name, embeddedIn, schema: field.schema, required, omit, pointer, patchStrategy, goType: type };
}

function compileField(fact: FactField, path: readonly number[], embeddedIn: readonly string[]): Field {
  let schema: Schema | undefined;
  return {
    name: fact.name,
    ...(embeddedIn.length > 0 && { embeddedIn }),
    get schema() {
      schema ??= constrain(fact);
      return schema;
    },
    required: fact.req === 1,
    omit:
      fact.omit === undefined ? "never" : fact.omit === "empty,zero" ? "emptyOrZero" : (fact.omit as "empty" | "zero"),
    pointer: fact.ptr === 1,
    ...(fact.pb !== undefined && { protobuf: { number: fact.pb, wire: fact.wire ?? "bytes" } }),
    ...(path.length > 0 && { protobufPath: path }),
    patchStrategy: fact.patchStrategy === undefined ? [] : fact.patchStrategy.split(","),
    ...(fact.patchMergeKey !== undefined && { patchMergeKey: fact.patchMergeKey }),
    goType: goType(fact),
  };
}

/** The schema of a field: that of its type, with the field's own marks. Unmarked fields share the type's schema. */
function constrain(fact: FactField): Schema {
  const base = schemaOfExpression(fact.type);
  const value = defaultOf(fact, base);
  const marks = {
    ...(value !== undefined && { default: value }),
    ...(fact.enum !== undefined && base.kind === "scalar" && { enum: fact.enum }),
    ...(fact.mapType !== undefined && { mapType: fact.mapType }),
  };
  if (base.kind === "list") return constrainList(fact, base, marks);
  if (base.kind === "map" && fact.enum !== undefined) {
    return { ...base, ...marks, values: { ...base.values, enum: fact.enum } };
  }
  if (Object.keys(marks).length === 0) return base;
  return base.kind === "object" ? objectWith(base, marks) : { ...base, ...marks };
}

/** Spreading would run the lazy getter of `fields`. */
function objectWith(base: ObjectSchema, marks: Partial<ObjectSchema>): ObjectSchema {
  const { kind, typeName, mapType, preserveUnknown, embeddedResource, unions } = base;
  return {
    kind,
    typeName,
    get fields() {
      return base.fields;
    },
    mapType,
    preserveUnknown,
    embeddedResource,
    ...(unions !== undefined && { unions }),
    ...marks,
  };
}

function constrainList(fact: FactField, base: ListSchema, marks: object): Schema {
  const items = fact.enum === undefined ? base.items : { ...base.items, enum: fact.enum };
  return { ...base, ...marks, items, listType: fact.listType ?? "atomic", mapKeys: fact.listMapKeys ?? [] };
}

/** facts/README.md, "Implied OpenAPI defaults". */
function defaultOf(fact: FactField, schema: Schema): unknown {
  if (fact.default !== undefined) return fact.default;
  if (fact.ptr === 1) return undefined;
  if (schema.kind === "object") return {};
  if (schema.kind !== "scalar" || fact.omit !== undefined) return undefined;
  return IMPLIED[schema.scalar];
}
const IMPLIED: Partial<Record<Scalar, unknown>> = { string: "", int32: 0, int64: 0, double: 0, bool: false };

/** Compiles a type expression: a scalar, "[]T", "map:T" or a type name. */
function schemaOfExpression(expression: string): Schema {
  if (SCALARS.has(expression)) return scalar(expression as Scalar);
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  if (expression.startsWith("[]")) {
    const items = schemaOfExpression(expression.slice(2));
    return remember(expression, { kind: "list", items, listType: "atomic", mapKeys: [] });
  }
  if (expression.startsWith("map:")) {
    return remember(expression, { kind: "map", values: schemaOfExpression(expression.slice(4)), mapType: "granular" });
  }
  return schemaOfType(expression);
}

function scalar(name: Scalar): ScalarSchema {
  return (compiled.get(name) ?? remember(name, { kind: "scalar", scalar: name })) as ScalarSchema;
}

function remember(name: string, schema: Schema): Schema {
  compiled.set(name, schema);
  return schema;
}

const GO_SPECIAL: Readonly<Record<string, string>> = {
  double: "float64",
  bytes: "[]uint8",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  duration: "v1.Duration",
  fieldsV1: "v1.FieldsV1",
  raw: "runtime.RawExtension",
  any: "interface {}",
};

/** The name of a type in Go's decoding errors: "[]v1.Container", "map[string]string", "v1.PullPolicy". */
function goType(fact: FactField): string {
  const alias = fact.alias;
  if (alias === undefined) return goTypeOf(fact.type);
  if (alias.startsWith("key ")) return `map[${shortGoName(alias.slice(4))}]${goTypeOf(fact.type.slice(4))}`;
  // An alias names the string behind a list or map, or a list or map type itself; Go shows the list for the former.
  if (fact.type.startsWith("[]") && alias !== "apiextensions/v1.ValidationRules") return `[]${shortGoName(alias)}`;
  return shortGoName(alias);
}

function goTypeOf(expression: string): string {
  if (expression.startsWith("[]")) return `[]${goTypeOf(expression.slice(2))}`;
  if (expression.startsWith("map:")) return `map[string]${goTypeOf(expression.slice(4))}`;
  return GO_SPECIAL[expression] ?? shortGoName(expression);
}

/** "core/v1.PodSpec" is v1.PodSpec in Go. */
function shortGoName(typeName: string): string {
  return typeName.slice(typeName.indexOf("/") + 1);
}
