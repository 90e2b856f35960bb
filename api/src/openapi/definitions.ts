import { describeField, describeType } from "../descriptions/index.ts";
import { type FactField, type FactType, factsType } from "../facts.ts";
import { allKinds } from "../kinds.ts";
import type { GroupVersionKind } from "../schema.ts";
import { definitionName } from "./names.ts";

/** A JSON node of an OpenAPI document. */
export type Node = Readonly<Record<string, unknown>>;

/** OpenAPI 2 (Swagger) and 3 differ in where definitions stand and in what a node may say. */
export type Dialect = 2 | 3;

/** Collects the definitions that a document refers to. */
export class Definitions {
  readonly #dialect: Dialect;
  readonly #nodes = new Map<string, Node>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Everything referred to so far, sorted by name. */
  all(): Node {
    return Object.fromEntries([...this.#nodes].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds a definition of its own, such as that of a custom resource. */
  add(name: string, node: Node): void {
    this.#nodes.set(name, node);
  }

  /** A reference to a built-in type, which becomes part of the document. */
  reference(typeName: string): Node {
    const name = definitionName(typeName);
    if (!this.#nodes.has(name)) {
      this.#nodes.set(name, {}); // types are recursive
      this.#nodes.set(name, this.#definition(typeName));
    }
    return this.link(name);
  }

  /** A reference by definition name. */
  link(name: string): Node {
    return { $ref: `#/${this.#dialect === 2 ? "definitions" : "components/schemas"}/${name}` };
  }

  #definition(typeName: string): Node {
    const special = SPECIAL_TYPES[typeName];
    if (special !== undefined) return special(this.#dialect);
    const type = factsType(typeName);
    if (type === undefined) throw new Error(`Cannot define "${typeName}": not in facts/kinds.json`);
    const description = describeType(typeName);
    if (type.items !== undefined) {
      return {
        ...(description !== undefined && { description }),
        items: this.#expression(type.items.type),
        type: "array",
      };
    }
    return this.#struct(typeName, type, description);
  }

  #struct(typeName: string, type: FactType, description: string | undefined): Node {
    const fields = flatten(type);
    const required = fields.filter((field) => field.req === 1).map((field) => field.name);
    const kinds = kindsOf(typeName);
    return {
      ...(description !== undefined && { description }),
      ...(fields.length > 0 && {
        properties: Object.fromEntries(
          fields
            .map((field) => [field.name, this.#property(typeName, field)] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
      }),
      ...(required.length > 0 && { required: required.sort() }),
      type: "object",
      ...(kinds.length > 0 && { "x-kubernetes-group-version-kind": kinds }),
      ...(type.mapType !== undefined && { "x-kubernetes-map-type": type.mapType }),
      ...(type.unions !== undefined && { "x-kubernetes-unions": type.unions }),
    };
  }

  #property(typeName: string, field: FactField): Node {
    const description = describeField(typeName, field.name);
    const value = field.default ?? this.#impliedDefault(field);
    const marks: Node = {
      ...(description !== undefined && { description }),
      ...(value !== undefined && { default: value }),
      ...(field.listMapKeys !== undefined && { "x-kubernetes-list-map-keys": field.listMapKeys }),
      ...(field.listType !== undefined && { "x-kubernetes-list-type": field.listType }),
      ...(field.mapType !== undefined && { "x-kubernetes-map-type": field.mapType }),
      ...(field.patchMergeKey !== undefined && { "x-kubernetes-patch-merge-key": field.patchMergeKey }),
      ...(field.patchStrategy !== undefined && { "x-kubernetes-patch-strategy": field.patchStrategy }),
    };
    return this.#marked(this.#expression(field.type, field.enum), marks);
  }

  /** OpenAPI 3 allows nothing beside a reference, so marks wrap it. */
  #marked(node: Node, marks: Node): Node {
    if (Object.keys(marks).length === 0) return node;
    return node["$ref"] !== undefined && this.#dialect === 3 ? { allOf: [node], ...marks } : { ...node, ...marks };
  }

  /** See facts/README.md; Swagger shows explicit defaults only. */
  #impliedDefault(field: FactField): unknown {
    if (this.#dialect === 2 || field.ptr === 1) return undefined;
    if (field.type in PRIMITIVES) return field.omit === undefined ? ZERO[field.type] : undefined;
    return isStruct(field.type) ? {} : undefined;
  }

  #expression(expression: string, values?: readonly unknown[]): Node {
    const primitive = PRIMITIVES[expression];
    if (primitive !== undefined) return values === undefined ? primitive : { ...primitive, enum: values };
    if (expression.startsWith("[]")) return { type: "array", items: this.#element(expression.slice(2), values) };
    if (expression.startsWith("map:")) {
      return { type: "object", additionalProperties: this.#element(expression.slice(4), values) };
    }
    return this.reference(SPECIAL_REFERENCES[expression] ?? expression);
  }

  #element(expression: string, values?: readonly unknown[]): Node {
    const node = this.#expression(expression, values);
    if (this.#dialect === 2) return node;
    if (isStruct(expression)) return this.#marked(node, { default: {} });
    return expression in ZERO ? { ...node, default: ZERO[expression] } : node;
  }
}

const PRIMITIVES: Readonly<Record<string, Node>> = {
  string: { type: "string" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  bool: { type: "boolean" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
  any: { type: "object" },
};
const ZERO: Readonly<Record<string, unknown>> = { string: "", int32: 0, int64: 0, bool: false, double: 0 };

/** Definitions that the special types of facts/README.md refer to. */
const SPECIAL_REFERENCES: Readonly<Record<string, string>> = {
  quantity: "api.resource.Quantity",
  intOrString: "util.intstr.IntOrString",
  time: "meta/v1.Time",
  microTime: "meta/v1.MicroTime",
  duration: "meta/v1.Duration",
  fieldsV1: "meta/v1.FieldsV1",
  raw: "runtime.RawExtension",
};

const ANYTHING = () => ({});
const SPECIAL_TYPES: Readonly<Record<string, (dialect: Dialect) => Node>> = {
  "api.resource.Quantity": (dialect) =>
    dialect === 2 ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] },
  "util.intstr.IntOrString": (dialect) =>
    dialect === 2
      ? { type: "string", format: "int-or-string" }
      : { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  "meta/v1.Time": () => ({ type: "string", format: "date-time" }),
  "meta/v1.MicroTime": () => ({ type: "string", format: "date-time" }),
  "meta/v1.Duration": () => ({ type: "string" }),
  "meta/v1.FieldsV1": () => ({ type: "object" }),
  "meta/v1.Patch": () => ({ type: "object" }),
  "runtime.RawExtension": () => ({ type: "object" }),
  "apiextensions/v1.JSON": ANYTHING,
  "apiextensions/v1.JSONSchemaPropsOrBool": ANYTHING,
  "apiextensions/v1.JSONSchemaPropsOrArray": ANYTHING,
  "apiextensions/v1.JSONSchemaPropsOrStringArray": ANYTHING,
};

function isStruct(expression: string): boolean {
  if (SPECIAL_TYPES[expression] !== undefined) return false;
  return expression.includes("/") && !/^\[\]|^map:/.test(expression) && factsType(expression)?.items === undefined;
}

function flatten(type: FactType): readonly FactField[] {
  return (type.fields ?? []).flatMap((field) => {
    if (field.inline === undefined) return [field];
    return flatten(factsType(field.type) ?? {});
  });
}

let kindsByType: ReadonlyMap<string, readonly GroupVersionKind[]> | undefined;

/** The kinds that a type is registered as: most as one, options as one in each group version. */
function kindsOf(typeName: string): readonly GroupVersionKind[] {
  if (kindsByType === undefined) {
    const map = new Map<string, GroupVersionKind[]>();
    for (const { typeName: type, group, version, kind } of allKinds()) {
      map.set(type, [...(map.get(type) ?? []), { group, kind, version }]);
    }
    kindsByType = map;
  }
  return kindsByType.get(typeName) ?? [];
}
