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
  readonly #isShown: (kind: GroupVersionKind) => boolean;
  readonly #nodes = new Map<string, Node>();

  /** @param isShown Whether a document tells that one of its types is registered as this kind, too. */
  constructor(dialect: Dialect, isShown: (kind: GroupVersionKind) => boolean = () => true) {
    this.#dialect = dialect;
    this.#isShown = isShown;
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
    return this.#struct(typeName, type, description);
  }

  #struct(typeName: string, type: FactType, description: string | undefined): Node {
    const fields = flatten(type);
    const required = fields.filter((field) => field.req === 1).map((field) => field.name);
    const kinds = kindsOf(typeName).filter((kind) => this.#isShown(kind));
    return {
      ...(description !== undefined && { description }),
      ...(fields.length > 0 && {
        properties: Object.fromEntries(
          fields
            .map((field) => [field.name, this.#property(typeName, field)] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        ),
      }),
      ...(required.length > 0 && { required }),
      type: "object",
      ...(kinds.length > 0 && { "x-kubernetes-group-version-kind": kinds }),
      ...(type.mapType !== undefined && { "x-kubernetes-map-type": type.mapType }),
      ...(type.unions !== undefined && { "x-kubernetes-unions": type.unions }),
    };
  }

  #property(typeName: string, field: FactField): Node {
    const description = describeField(typeName, field.name);
    const value = this.#dialect === 2 ? undefined : (field.default ?? impliedDefault(field));
    const marks: Node = {
      ...(description !== undefined && { description }),
      ...(value !== undefined && { default: value }),
      ...(field.listMapKeys !== undefined && { "x-kubernetes-list-map-keys": field.listMapKeys }),
      ...(field.listType !== undefined && { "x-kubernetes-list-type": field.listType }),
      ...(field.mapType !== undefined && { "x-kubernetes-map-type": field.mapType }),
      ...(field.patchMergeKey !== undefined && { "x-kubernetes-patch-merge-key": field.patchMergeKey }),
      ...(field.patchStrategy !== undefined && { "x-kubernetes-patch-strategy": field.patchStrategy }),
    };
    const node = this.#expression(field.type, field.enum);
    const isWrapped = this.#dialect === 3 && node["$ref"] !== undefined && isDescribed(typeName, field);
    return isWrapped ? { allOf: [node], ...marks } : { ...node, ...marks };
  }

  #expression(expression: string, values?: readonly unknown[]): Node {
    const primitive = PRIMITIVES[expression];
    if (primitive !== undefined) return values === undefined ? primitive : { ...primitive, enum: values };
    if (expression.startsWith("[]")) return { type: "array", items: this.#expression(expression.slice(2), values) };
    if (expression.startsWith("map:"))
      return { type: "object", additionalProperties: this.#expression(expression.slice(4), values) };
    const items = factsType(expression)?.items; // a list with a name
    if (items !== undefined) return { type: "array", items: this.#expression(items.type) };
    return this.reference(SPECIAL_REFERENCES[expression] ?? expression);
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
/** What GET /version answers: the one type of a document that no kind has. */
const VERSION_REQUIRED = "major minor gitVersion gitCommit gitTreeState buildDate goVersion compiler platform".split(
  " ",
);
const VERSION_OPTIONAL = "emulationMajor emulationMinor minCompatibilityMajor minCompatibilityMinor".split(" ");

function versionInfo(dialect: Dialect): Node {
  const text = { type: "string" };
  const required = dialect === 2 ? text : { ...text, default: "" };
  const properties = [
    ...VERSION_REQUIRED.map((name) => [name, required] as const),
    ...VERSION_OPTIONAL.map((name) => [name, text] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  return { type: "object", properties: Object.fromEntries(properties), required: VERSION_REQUIRED };
}
const SPECIAL_TYPES: Readonly<Record<string, (dialect: Dialect) => Node>> = {
  "api.resource.Quantity": (dialect) =>
    dialect === 2 ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] },
  "util.intstr.IntOrString": (dialect) =>
    dialect === 2
      ? { type: "string", format: "int-or-string" }
      : { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  "version.Info": versionInfo,
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

/** OpenAPI 3 allows nothing beside a reference, so what a property says wraps it. Those of schemas say nothing. */
function isDescribed(typeName: string, { name }: FactField): boolean {
  return typeName !== "apiextensions/v1.JSONSchemaProps" || name === "default";
}

/** See facts/README.md. */
function impliedDefault(field: FactField): unknown {
  if (field.ptr === 1) return undefined;
  if (field.type in PRIMITIVES) return field.omit === undefined ? ZERO[field.type] : undefined;
  return isStruct(field.type) ? {} : undefined;
}

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

/** The kinds that a type is registered as, sorted: most as one, options as one in each group version. */
function kindsOf(typeName: string): readonly GroupVersionKind[] {
  kindsByType ??= registeredKinds();
  return kindsByType.get(typeName) ?? [];
}

/** Group versions of which nothing is left but what is registered in all. */
const FORMER = ["apiextensions.k8s.io", "apiregistration.k8s.io"].map((group) => ({ group, version: "v1beta1" }));

function registeredKinds(): ReadonlyMap<string, readonly GroupVersionKind[]> {
  const map = new Map<string, GroupVersionKind[]>();
  for (const { typeName, group, version, kind } of allKinds()) {
    const known = map.get(typeName) ?? [];
    if (isRegisteredByAll(kind) ? isOfServer(group) : true) map.set(typeName, [...known, { group, kind, version }]);
  }
  for (const kinds of map.values()) {
    const [{ kind } = { kind: "" }] = kinds;
    if (isRegisteredByAll(kind)) kinds.push(...FORMER.map(({ group, version }) => ({ group, kind, version })));
    kinds.sort((a, b) => (sortKeyOf(a) < sortKeyOf(b) ? -1 : 1));
  }
  return map;
}

/** Registered as one kind in each group version. */
export function isRegisteredByAll(kind: string): boolean {
  return kind === "DeleteOptions" || kind === "WatchEvent";
}

/** Groups that the API server does not know as its own: metrics are answered by others. */
function isOfServer(group: string): boolean {
  return group !== "apidiscovery.k8s.io" && !group.endsWith("metrics.k8s.io");
}

function sortKeyOf({ group, version, kind }: GroupVersionKind): string {
  return `${group} ${version} ${kind}`;
}
