import type { Field, ObjectSchema, Scalar, Schema } from "../schema.ts";
import { CUSTOM_TYPES } from "./custom-types.ts";

/** What a codec does with a node; a closed set of strings, which V8 compares by identity. */
export type Op =
  | "object"
  | "map"
  | "list"
  | Exclude<Scalar, "fieldsV1">
  | "schemaOrBool"
  | "schemaOrArray"
  | "schemaOrStrings";

/** A schema made ready for the codecs: compiled once per schema, children on first use. */
export interface Plan {
  readonly op: Op;
  readonly schema: Schema;
  /** Of an object. */
  readonly fields: ReadonlyMap<string, FieldPlan>;
  readonly fieldList: readonly FieldPlan[];
  /** Fields present in the normal form even when not given. */
  readonly filled: readonly FieldPlan[];
  /** Go's name without package, in errors. */
  readonly structName: string;
  /** Of a list's items or a map's values. */
  readonly element: Plan;
  /** A list that is a message of its own in protobuf. */
  readonly wrapped: boolean;
  /** FieldsV1, whose decoded values are shared by what was decoded from the same bytes. */
  readonly shared: boolean;
}

/** A field made ready for the codecs. */
export interface FieldPlan {
  readonly name: string;
  readonly field: Field;
  readonly index: number;
  readonly plan: Plan;
  /** The normal form has no zero value here: Go leaves it out, or shows null. */
  readonly dropsZero: boolean;
  /** A list or map that the normal form does not have empty: it is left out, or null. */
  readonly dropsEmpty: boolean;
  /** Go prints it even when absent, as {@link absentValue}. */
  readonly isFilled: boolean;
  /** The items of a list of objects: never null. */
  readonly isItems: boolean;
  readonly goType: string;
  /** `"name":` */
  readonly label: string;
}

const byFields = new WeakMap<ReadonlyMap<string, Field>, Plan>();
const bySchema = new WeakMap<Schema, Plan>();

/** The plan of a schema. */
export function planOf(schema: Schema): Plan {
  if (schema.kind === "object") {
    // Marked variants of one struct share its fields: one plan serves them all.
    let plan = byFields.get(schema.fields);
    if (plan === undefined) {
      plan = objectPlan(schema);
      byFields.set(schema.fields, plan);
    }
    return plan;
  }
  let plan = bySchema.get(schema);
  if (plan === undefined) {
    plan = otherPlan(schema);
    bySchema.set(schema, plan);
  }
  return plan;
}

const NO_FIELDS: ReadonlyMap<string, FieldPlan> = new Map();

function objectPlan(schema: ObjectSchema): Plan {
  const fieldList = [...schema.fields.values()].map((field, index) => new LazyFieldPlan(field, index));
  return new LazyPlan("object", schema, new Map(fieldList.map((field) => [field.name, field])));
}

function otherPlan(schema: Exclude<Schema, ObjectSchema>): Plan {
  const op = schema.kind === "scalar" ? scalarOp(schema.scalar, schema.typeName) : schema.kind;
  return new LazyPlan(op, schema, NO_FIELDS);
}

/** One class for every node: the codecs' loops meet one shape of object only. */
class LazyPlan implements Plan {
  readonly op: Op;
  readonly schema: Schema;
  readonly fields: ReadonlyMap<string, FieldPlan>;
  readonly fieldList: readonly FieldPlan[];
  readonly structName: string;
  readonly wrapped: boolean;
  readonly shared: boolean;
  #filled: readonly FieldPlan[] | undefined;
  #element: Plan | undefined;

  constructor(op: Op, schema: Schema, fields: ReadonlyMap<string, FieldPlan>) {
    this.op = op;
    this.schema = schema;
    this.fields = fields;
    this.fieldList = [...fields.values()];
    this.structName = schema.kind === "object" ? schema.typeName.slice(schema.typeName.lastIndexOf(".") + 1) : "";
    this.wrapped = schema.kind === "list" && schema.typeName !== undefined;
    this.shared = schema.kind === "scalar" && schema.scalar === "fieldsV1";
  }

  get filled(): readonly FieldPlan[] {
    this.#filled ??= this.fieldList.filter((field) => field.isFilled);
    return this.#filled;
  }

  get element(): Plan {
    this.#element ??= planOf(elementOf(this.schema));
    return this.#element;
  }
}

function elementOf(schema: Schema): Schema {
  if (schema.kind === "map") return schema.values;
  if (schema.kind === "list") return schema.items;
  throw new Error(`Cannot take the element of "${schema.kind}": expected a list or map`);
}

function scalarOp(scalar: Scalar, typeName: string | undefined): Op {
  switch (typeName) {
    case CUSTOM_TYPES.orBool:
      return "schemaOrBool";
    case CUSTOM_TYPES.orArray:
      return "schemaOrArray";
    case CUSTOM_TYPES.orStringArray:
      return "schemaOrStrings";
    case CUSTOM_TYPES.json:
      return "raw";
    default:
      return scalar === "fieldsV1" ? "raw" : scalar;
  }
}

/** Lists of which defaults or messages tell an empty one from none; it is refused, and never stored. */
const KEPT_EMPTY = new Set(["[]v2.HPAScalingPolicy", "[]v1.CustomResourceDefinitionVersion"]);

/** Resolves the field's schema on first use: kinds are recursive. */
class LazyFieldPlan implements FieldPlan {
  readonly name: string;
  readonly field: Field;
  readonly index: number;
  readonly label: string;
  #plan: Plan | undefined;
  #dropsZero: boolean | undefined;
  #isFilled: boolean | undefined;

  constructor(field: Field, index: number) {
    this.name = field.name;
    this.field = field;
    this.index = index;
    this.label = `${JSON.stringify(field.name)}:`;
  }

  get plan(): Plan {
    this.#plan ??= planOf(this.field.schema);
    return this.#plan;
  }

  get goType(): string {
    return this.field.goType ?? "";
  }

  get dropsZero(): boolean {
    this.#dropsZero ??= this.#computeDropsZero();
    return this.#dropsZero;
  }

  get isFilled(): boolean {
    this.#isFilled ??= this.#computeIsFilled();
    return this.#isFilled;
  }

  #computeDropsZero(): boolean {
    if (this.field.pointer || KEPT_EMPTY.has(this.goType)) return false;
    // The store's protobuf knows no empty lists: they come back as null. Lists of objects always answer with items.
    if (this.field.omit === "never") return (this.plan.op === "list" || this.plan.op === "map") && !this.isItems;
    return this.field.omit !== "empty" || !isStruct(this.plan);
  }

  get dropsEmpty(): boolean {
    return (this.plan.op === "list" || this.plan.op === "map") && this.dropsZero;
  }

  get isItems(): boolean {
    return this.name === "items" && this.field.omit === "never";
  }

  #computeIsFilled(): boolean {
    if (this.field.omit === "never") return true;
    return this.field.omit === "empty" && !this.field.pointer && isStruct(this.plan);
  }
}

/** Go structs, which omitempty never drops. */
function isStruct(plan: Plan): boolean {
  switch (plan.op) {
    case "object":
    case "quantity":
    case "intOrString":
    case "time":
    case "microTime":
    case "duration":
    case "raw":
      return true;
    default:
      return false;
  }
}

/** What Go prints for a field that was never set: the zero value of its type, null for nil. */
export function absentValue(field: FieldPlan): unknown {
  if (field.isItems) return [];
  return field.field.pointer ? null : zeroValue(field.plan);
}

/** The zero value of a type in normal form. */
export function zeroValue(plan: Plan): unknown {
  switch (plan.op) {
    case "object":
      return fill({}, plan);
    case "string":
      return "";
    case "int32":
    case "int64":
    case "double":
    case "intOrString":
      return 0;
    case "bool":
    case "schemaOrBool":
      return false;
    case "quantity":
      return "0";
    case "duration":
      return "0s";
    default:
      return null;
  }
}

/** Adds the fields that Go prints though nobody set them. */
export function fill(object: Record<string, unknown>, plan: Plan): Record<string, unknown> {
  const { filled } = plan;
  for (let i = 0; i < filled.length; i++) {
    const field = filled[i] as FieldPlan;
    if (object[field.name] === undefined) object[field.name] = absentValue(field);
  }
  return object;
}

/** Whether Go's omitempty (or omitzero) drops the value. */
export function isZero(value: unknown, op: Op): boolean {
  switch (op) {
    case "list":
      return (value as readonly unknown[]).length === 0;
    case "map":
      for (const key in value as object) if (Object.hasOwn(value as object, key)) return false;
      return true;
    case "any":
    case "raw":
    case "schemaOrArray":
    case "schemaOrStrings":
    case "object":
      return false;
    default:
      return value === "" || value === 0 || value === false || value === 0n;
  }
}

/** Sets a member whose name comes from data: `__proto__` is a name like any other. */
export function setMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}
