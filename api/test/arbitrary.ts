import fc from "fast-check";
import { CUSTOM_TYPES } from "../src/codec/custom-types.ts";
import { type FieldPlan, type Plan, planOf } from "../src/codec/plan.ts";
import { canonicalQuantity } from "../src/quantity.ts";
import type { ObjectSchema, Schema } from "../src/schema.ts";

/** How deep generated objects go. */
const DEPTH = 7;

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("a", "__proto__", "<&>", "\u2028", "x".repeat(70)),
);
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => withoutNegativeZero(value));
const int64 = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
);
const seconds = fc.integer({ min: -62135596799, max: 253402300799 });

/** Values that a field of this schema may have, sparse as people write them. */
function anyOf(schema: Schema, depth = DEPTH): fc.Arbitrary<unknown> {
  return arbitraryOf(planOf(schema), depth);
}

/** Objects of a schema. */
export function objectOf(schema: ObjectSchema): fc.Arbitrary<Record<string, unknown>> {
  return anyOf(schema) as fc.Arbitrary<Record<string, unknown>>;
}

function arbitraryOf(plan: Plan, depth: number): fc.Arbitrary<unknown> {
  switch (plan.op) {
    case "object":
      return objectArbitrary(plan, depth);
    case "map":
      return fc.dictionary(text, arbitraryOf(plan.element, depth - 1), { maxKeys: 3 });
    case "list":
      return fc.array(arbitraryOf(plan.element, depth - 1), { maxLength: 3 });
    case "string":
      return text;
    case "int32":
      return fc.integer();
    case "int64":
      return int64;
    case "bool":
      return fc.boolean();
    case "double":
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0 || 0);
    case "bytes":
      return fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => bytes.toBase64());
    case "quantity":
      return fc
        .tuple(fc.integer({ min: -9999, max: 99999 }), fc.constantFrom("", "m", "k", "Ki", "Gi", "e3", "n"))
        .map(([mantissa, suffix]) => canonicalQuantity(`${mantissa}${suffix}`));
    case "intOrString":
      return fc.oneof(fc.integer(), text);
    case "time":
      return seconds.map((value) => `${new Date(value * 1000).toISOString().slice(0, 19)}Z`);
    case "microTime":
      return fc
        .tuple(
          seconds.filter((value) => value > -62135596800),
          fc.nat(999_999),
        )
        .map(([value, micros]) => {
          return `${new Date(value * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}Z`;
        });
    case "duration":
      return fc.constantFrom("0s", "1h2m3s", "1.5s", "100ms", "-1m0s", "1µs");
    default:
      return customOf(plan, depth);
  }
}

function customOf(plan: Plan, depth: number): fc.Arbitrary<unknown> {
  const typeName = plan.schema.kind === "scalar" ? plan.schema.typeName : undefined;
  if (typeName === CUSTOM_TYPES.orBool) return fc.boolean();
  if (typeName === CUSTOM_TYPES.orStringArray) return fc.array(text, { minLength: 1, maxLength: 2 });
  if (typeName === CUSTOM_TYPES.orArray) return fc.constantFrom([{ type: "string" }], { type: "object" });
  return depth > 0 ? json.filter((value) => value !== null) : fc.constant("x");
}

function objectArbitrary(plan: Plan, depth: number): fc.Arbitrary<unknown> {
  const fields = plan.fieldList.filter((field) => depth > 0 || isLeaf(field));
  if (fields.length === 0) return fc.constant({});
  // Few fields at a time: objects stay small though kinds are wide.
  return fc.subarray(fields, { maxLength: Math.min(6, fields.length) }).chain((chosen) => {
    return fc.record(Object.fromEntries(chosen.map((field) => [field.name, arbitraryOf(field.plan, depth - 1)])));
  });
}

function isLeaf(field: FieldPlan): boolean {
  return !["object", "list", "map"].includes(field.plan.op);
}

/** JSON has no negative zero once it went through an integer. */
function withoutNegativeZero(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutNegativeZero(each)]));
}
