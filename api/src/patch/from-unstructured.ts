import { DecodeError } from "../codec/decode-error.ts";
import { normalize } from "../codec/json-decode.ts";
import { JsonText } from "../codec/json-encode.ts";
import { type Plan, planOf } from "../codec/plan.ts";
import type { Json } from "../object.ts";
import type { ObjectSchema } from "../schema.ts";
import { goType } from "./go-value.ts";
import { define, isRecord } from "./merge-patch.ts";

/**
 * The values that Go's types take of what upstream merges as maps and not as text, by strategic merge or apply: floats that
 * are whole are integers, and integers lose what they have no bits for. What equals `base` by identity is right already.
 * @throws {DecodeError} `type` in the words of apimachinery's converter.
 */
export function fromUnstructured(value: Json, schema: ObjectSchema, base: unknown): Json {
  return converted(value, planOf(schema), "", base);
}

function converted(value: Json, plan: Plan, type: string, base: unknown): Json {
  if (value === base || value === null || value === undefined) return value;
  switch (plan.op) {
    case "object":
      if (!isRecord(value)) throw misfit(`cannot restore struct from: ${kindOf(value)}`);
      return members(value, plan, base);
    case "map":
      if (!isRecord(value)) throw misfit(`cannot restore map from ${kindOf(value)}`);
      return entries(value, plan, type, base);
    case "list":
      if (!Array.isArray(value)) throw misfit(`cannot restore slice from ${kindOf(value)}`);
      return elements(value as readonly Json[], plan, type, base);
    case "string":
      if (typeof value === "string") return value;
      throw misfit(kindOf(value) === "int64" ? `cannot convert int64 to ${type}` : "unrecognized type: string");
    case "bool":
      if (typeof value === "boolean") return value;
      throw misfit("unrecognized type: bool");
    case "int32":
    case "int64":
      return integer(value, plan.op);
    case "bytes":
      return bytes(value, plan);
    default:
      return other(value, plan);
  }
}

function members(value: Readonly<Record<string, Json>>, plan: Plan, base: unknown): Json {
  const out: Record<string, Json> = { ...value };
  for (const { name, plan: inner, goType: type } of plan.fieldList)
    if (Object.hasOwn(value, name)) define(out, name, converted(value[name]!, inner, type, memberOf(base, name)));
  return out;
}

function entries(value: Readonly<Record<string, Json>>, plan: Plan, type: string, base: unknown): Json {
  const out: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value))
    define(out, name, converted(member, plan.element, elementType(type), memberOf(base, name)));
  return out;
}

function elements(value: readonly Json[], plan: Plan, type: string, base: unknown): Json {
  const kept = new Set<unknown>(Array.isArray(base) ? base : []);
  return value.map((item) => converted(item, plan.element, elementType(type), kept.has(item) ? item : undefined));
}

function memberOf(base: unknown, name: string): unknown {
  return isRecord(base as Json) && Object.hasOwn(base as object, name)
    ? (base as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function elementType(type: string): string {
  return type.replace(/^\[\]|^map\[[^\]]*\]/, "");
}

/** What processors make of floats that no integer holds. */
const NO_INTEGER = -(2n ** 63n);

function integer(value: Json, op: "int32" | "int64"): Json {
  const kind = kindOf(value);
  if (kind !== "int64" && kind !== "float64") throw misfit(`unrecognized type: ${op}`);
  const number = kind === "float64" ? floatOf(value) : (value as number | bigint);
  if (typeof number === "number" && !Number.isInteger(number)) throw misfit(`cannot convert float64 to ${op}`);
  const whole = BigInt(number);
  const wrapped = BigInt.asIntN(op === "int32" ? 32 : 64, BigInt.asIntN(64, whole) === whole ? whole : NO_INTEGER);
  return Number.isSafeInteger(Number(wrapped)) ? Number(wrapped) : (wrapped as unknown as Json);
}

function bytes(value: Json, plan: Plan): Json {
  if (typeof value !== "string" && !Array.isArray(value)) throw misfit(`cannot restore slice from ${kindOf(value)}`);
  try {
    return other(value, plan);
  } catch (error) {
    throw typeof value === "string" ? misfit(`error decoding from json: ${(error as Error).message}`) : error;
  }
}

/** Types that read JSON themselves, and those that take any. */
function other(value: Json, plan: Plan): Json {
  if (kindOf(value) === "float64") return normalize<Json>(floatOf(value), plan.schema).object;
  return normalize<Json>(value, plan.schema).object;
}

function floatOf(value: unknown): number {
  return value instanceof JsonText ? Number(value.text) : Number(value);
}

/** What Go's reflection calls it. */
function kindOf(value: Json): string {
  if (Array.isArray(value)) return "slice";
  return isRecord(value) ? "map" : goType(value);
}

function misfit(why: string): DecodeError {
  return new DecodeError("type", why);
}
