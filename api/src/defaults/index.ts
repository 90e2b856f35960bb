import { RESOURCES } from "../../generated/resources.ts";
import { type Plan, planOf } from "../codec/plan.ts";
import { factsType } from "../facts.ts";
import type { KubeObject } from "../object.ts";
import { canonicalQuantity, formatQuantity, parseQuantity, roundUpQuantity } from "../quantity.ts";
import type { GroupVersionKind, Schema } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { clusterDefaults } from "./cluster.ts";
import { coreDefaults } from "./core.ts";
import { type Defaulters, type Draft, setAbsent } from "./defaulter.ts";
import { workloadDefaults } from "./workloads.ts";

const defaulters: Defaulters = Object.assign(
  { ...coreDefaults, ...workloadDefaults, ...clusterDefaults },
  ...RESOURCES.map((resource) => resource.defaults),
);

/**
 * Fills in what upstream's defaulting and conversion functions fill in; not what admission, strategies or allocation add.
 * Returns a new object that shares what nothing can change; kinds without defaults come back as they are.
 * @param object In normal form, as decodeJson gives it; the result is too.
 */
export function applyDefaults<T extends KubeObject>(gvk: GroupVersionKind, object: T): T {
  const schema = schemaOf(gvk);
  if (schema === undefined) return object;
  const walker = walkerOf(schema);
  return walker === undefined ? object : (walker(object) as T);
}

/** Returns the value with defaults. */
type Walker = (value: unknown) => unknown;

const walkers = new WeakMap<object, Walker | undefined>();

/** The walker of a schema; undefined when nothing below it has defaults, so that it is never visited. */
function walkerOf(schema: Schema): Walker | undefined {
  // Marked variants of one struct share its fields, and so its walker.
  const key = schema.kind === "object" ? schema.fields : schema;
  if (walkers.has(key)) return walkers.get(key);
  walkers.set(key, undefined); // a recursive type has no defaults of its own: JSONSchemaProps
  const walker = makeWalker(schema);
  walkers.set(key, walker);
  return walker;
}

function makeWalker(schema: Schema): Walker | undefined {
  switch (schema.kind) {
    case "object":
      return objectWalker(planOf(schema), schema.typeName);
    case "list": {
      const item = walkerOf(schema.items);
      return item && ((value) => walkedList(value as readonly unknown[], item));
    }
    case "map": {
      const member = walkerOf(schema.values);
      return (
        member &&
        ((value) =>
          sameOr(
            Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, member(each)])),
            value as Draft,
          ))
      );
    }
    case "scalar":
      return undefined;
  }
}

interface Step {
  readonly name: string;
  readonly walker: Walker;
}

function objectWalker(plan: Plan, typeName: string): Walker | undefined {
  const defaulter = Object.hasOwn(defaulters, typeName) ? defaulters[typeName] : undefined;
  const marked = markedDefaults(typeName);
  const steps: Step[] = [];
  for (const field of plan.fieldList) {
    const walker = field.goType === "v1.ResourceList" ? roundUpAmounts : walkerOf(field.field.schema);
    if (walker !== undefined) steps.push({ name: field.name, walker });
  }
  if (defaulter === undefined && marked === undefined && steps.length === 0) return undefined;
  // Where presence does not matter, the zero value that Go always prints means "not set".
  const zeroed = new Set(
    Object.keys({ ...defaulter?.values, ...marked }).filter((name) => plan.fields.get(name)?.field.pointer === false),
  );
  const fill = defaulter?.apply === undefined ? filler({ ...marked, ...defaulter?.values }, zeroed) : undefined;
  const isRemembered = steps.length > 0;
  // What is stored is frozen, to the bottom, and most of it comes back unchanged.
  const whole = new WeakSet<object>();
  const seen = new WeakSet<object>();
  const draftOf = (value: Draft): Draft => {
    const draft: Draft = { ...value };
    for (const name of zeroed) if (isZeroScalar(draft[name])) draft[name] = undefined;
    if (defaulter?.values !== undefined) setAbsent(draft, defaulter.values);
    const of = defaulter?.of;
    if (of === undefined || !isKnown(draft[of], seen)) defaulter?.apply?.(draft);
    if (marked !== undefined) setAbsent(draft, marked);
    return draft;
  };
  return (value) => {
    if (isKnown(value, whole)) return value;
    const filled = fill === undefined ? draftOf(value as Draft) : fill(value as Draft);
    const walked = walkedMembers(filled, steps, filled === value);
    const result = fill === undefined ? sameOr(walked, value as Draft) : walked;
    if (isRemembered) whole.add(result);
    const of = defaulter?.of;
    if (of !== undefined && isDraft(result[of])) seen.add(result[of]);
    return result;
  };
}

/** Sets what is absent, or the zero value of those in `zeroed`; a copy where something is. */
function filler(values: Readonly<Record<string, unknown>>, zeroed: ReadonlySet<string>): (value: Draft) => Draft {
  const names = Object.keys(values);
  return (value) => {
    const absent = names.filter((name) => isAbsent(value[name], zeroed.has(name)) && value[name] !== values[name]);
    if (absent.length === 0) return value;
    const draft: Draft = { ...value };
    for (const name of absent) draft[name] = undefined;
    setAbsent(draft, values);
    return draft;
  };
}

function isAbsent(value: unknown, isZeroed: boolean): boolean {
  return value === undefined || value === null || (isZeroed && isZeroScalar(value));
}

/** @param isShared Whether `object` is somebody's, so that a change takes a copy. */
function walkedMembers(object: Draft, steps: readonly Step[], isShared: boolean): Draft {
  let own = isShared ? undefined : object;
  for (const { name, walker } of steps) {
    const member = object[name];
    if (member === undefined || member === null) continue;
    const walked = walker(member);
    if (walked !== member) (own ??= { ...object })[name] = walked;
  }
  return own ?? object;
}

function isKnown(value: unknown, known: WeakSet<object>): boolean {
  return Object.isFrozen(value) && known.has(value as object);
}

/** The value itself where the draft says the same: what did not change is compared and kept by identity. */
function sameOr(draft: Draft, value: Draft): Draft {
  return hasMembersOf(draft, value, (a, b) => a === b || (isDraft(a) && isDraft(b) && hasMembersOf(a, b, Object.is)))
    ? value
    : draft;
}

function hasMembersOf(draft: Draft, value: Draft, isSame: (a: unknown, b: unknown) => boolean): boolean {
  let count = 0;
  for (const name in draft) {
    if (!Object.hasOwn(value, name) || !isSame(draft[name], value[name])) return false;
    count += 1;
  }
  return count === Object.keys(value).length;
}

function isDraft(value: unknown): value is Draft {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function walkedList(list: readonly unknown[], walker: Walker): readonly unknown[] {
  const walked = list.map(walker);
  return walked.every((item, index) => item === list[index]) ? list : walked;
}

function isZeroScalar(value: unknown): boolean {
  return value === "" || value === 0 || value === false;
}

/** Defaults that the Go types carry as marks: the explicit ones of facts/kinds.json. */
function markedDefaults(typeName: string): Readonly<Record<string, unknown>> | undefined {
  const marked = Object.fromEntries(markedFields(typeName));
  return Object.keys(marked).length === 0 ? undefined : marked;
}

function markedFields(typeName: string): [string, unknown][] {
  return (factsType(typeName)?.fields ?? []).flatMap((field): [string, unknown][] => {
    if (field.inline !== undefined) return markedFields(field.type);
    // A zero default of a field that is no pointer changes nothing.
    const isNoop = field.ptr === undefined && (field.default === "" || field.default === 0);
    return field.default === undefined || isNoop ? [] : [[field.name, field.default]];
  });
}

const MILLI = 1_000_000n;

/** Amounts of resources are whole thousandths. */
function roundUpAmounts(value: unknown): unknown {
  const amounts = Object.entries(value as Readonly<Record<string, string>>).map(([name, amount]) => {
    const text = canonicalQuantity(amount);
    // Only the suffixes n and u stand for less than a thousandth.
    return [name, /[nue]/.test(text) ? formatQuantity(roundUpQuantity(parseQuantity(text), MILLI)) : text];
  });
  return sameOr(Object.fromEntries(amounts), value as Draft);
}
