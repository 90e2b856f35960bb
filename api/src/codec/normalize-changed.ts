import { isRecord } from "../patch/merge-patch.ts";
import type { ObjectSchema, Schema } from "../schema.ts";
import { type Decoded, DecodeError } from "./decode-error.ts";
import { normalize } from "./json-decode.ts";
import { fill, isZero, type Plan, planOf, setMember } from "./plan.ts";

type Tree = Readonly<Record<string, unknown>>;

/** Something in a change that only decoding the whole can tell well. */
const TAKES_ALL = new Error("cannot bring a change into form alone");

/**
 * {@link normalize} of a value that shares parts with `base`, which is in normal form: parts that are the same objects are kept
 * as they are, so that a patch costs what it changes.
 * @throws {DecodeError}
 */
export function normalizeChanged<T = unknown>(value: unknown, schema: ObjectSchema, base: unknown): Decoded<T> {
  if (clearsManagers(value)) return normalize<T>(value, schema);
  try {
    return { object: changed(value, schema, base) as T, problems: [] };
  } catch (error) {
    // with the path of the whole
    if (error === TAKES_ALL || error instanceof DecodeError) return normalize<T>(value, schema);
    throw error;
  }
}

/** An empty list of managers means something in the whole alone. */
function clearsManagers(value: unknown): boolean {
  const metadata = isTree(value) ? value["metadata"] : undefined;
  const managers = isTree(metadata) ? metadata["managedFields"] : undefined;
  return Array.isArray(managers) && managers.length === 0;
}

function changed(value: unknown, schema: Schema, base: unknown): unknown {
  if (value === base) return value;
  const plan = planOf(schema);
  if (plan.op === "list" && schema.kind === "list" && Array.isArray(value) && Array.isArray(base))
    return value.map((item: unknown, index) => changed(item, schema.items, base[index]));
  if (isTree(value) && isTree(base)) {
    if (plan.op === "object") return changedObject(value, plan, base);
    if (schema.kind === "map") return changedMap(value, schema.values, base);
  }
  const { object, problems } = normalize(value, schema);
  if (problems.length > 0) throw TAKES_ALL;
  return object;
}

function changedObject(value: Tree, plan: Plan, base: Tree): Tree {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const field = plan.fields.get(name);
    if (field === undefined) throw TAKES_ALL;
    if (member === null) continue;
    const next = changed(member, field.field.schema, Object.hasOwn(base, name) ? base[name] : undefined);
    if (next !== null && !(field.dropsZero && isZero(next, field.plan.op))) out[name] = next;
  }
  return fill(out, plan);
}

function changedMap(value: Tree, values: Schema, base: Tree): Tree {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === null) throw TAKES_ALL;
    if (member !== undefined)
      setMember(out, name, changed(member, values, Object.hasOwn(base, name) ? base[name] : {}));
  }
  return out;
}

/** What `emptied` of {@link DecodeOptions} tells of a value that is not in normal form; in what it shares with `base` there is nothing. */
export function emptiedIn(
  value: unknown,
  schema: Schema,
  base: unknown,
  at: readonly string[] = [],
): readonly (readonly string[])[] {
  const isWhole = at.length > 0 && schema.kind === "object" && schema.mapType === "atomic";
  if (value === base || isWhole || !isTree(value)) return [];
  const plan = planOf(schema);
  if (plan.op !== "object") return [];
  return Object.keys(value).flatMap((name) => {
    const field = plan.fields.get(name);
    const member = value[name];
    const before = isTree(base) ? base[name] : undefined;
    if (field === undefined || member === before) return [];
    const here = [...at, name];
    if (field.dropsEmpty && (Array.isArray(member) || isTree(member)) && isZero(member, field.plan.op)) return [here];
    return emptiedIn(member, field.field.schema, before, here);
  });
}

function isTree(value: unknown): value is Tree {
  return isRecord(value as never);
}
