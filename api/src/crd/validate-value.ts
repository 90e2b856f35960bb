import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import type { ObjectMeta } from "../../generated/types/meta-v1.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import { goFloat } from "../go-number.ts";
import { goPattern, PatternError } from "../go-pattern.ts";
import type { Constraints, Field, ListSchema, MapSchema, ObjectSchema, ScalarSchema, Schema } from "../schema.ts";
import { type FieldError, fieldError } from "../status/field-error.ts";
import { dns1035Label } from "../validation/names.ts";
import { embeddedMetadataErrors } from "../validation/object-meta.ts";
import { hasFormat } from "./formats.ts";
import { counterpartOf, isStruct, isUnchanged, keyOf, memberOf } from "./unchanged.ts";

type Struct = Readonly<Record<string, unknown>>;

/**
 * Checks an object against a schema: types, required fields and every OpenAPI keyword, with upstream's reasons and messages.
 * x-kubernetes-validations are validateRules'.
 * @param old What is stored, for an update: errors in a part that did not change are not held against it (KEP-4008), but an object as a
 *   whole always changes. Items of a list correspond where it is a map by keys, else only the whole list does.
 */
export function validateValue(value: unknown, schema: Schema, old?: unknown): readonly FieldError[] {
  const embedded: FieldError[] = [];
  findEmbedded(value, schema, "", embedded);
  return [...errorsOf(checkNode, value, schema, old), ...embedded, ...newDuplicates(value, schema, old)];
}

/** The same for a change of its status, of which alone errors are told; items that come twice are looked for in the whole object. */
export function validateStatus(object: Struct, schema: ObjectSchema, old: Struct): readonly FieldError[] {
  const status = schema.fields.get("status")?.schema;
  const isThere = status !== undefined && Object.hasOwn(object, "status");
  const errors = isThere ? errorsOf(check, object["status"], status, old["status"]) : [];
  return [...errors.map(inStatus), ...newDuplicates(object, schema, old)];
}

function inStatus(error: FieldError): FieldError {
  const isWhole = error.field === "" || error.field === "<nil>";
  return { ...error, field: isWhole ? "status" : `status.${error.field}` };
}

function errorsOf(look: typeof check, value: unknown, schema: Schema, old: unknown): readonly FieldError[] {
  const errors: FieldError[] = [];
  look(value, schema, "", errors, undefined);
  // Most values have no errors: only for one that has some is it worth to look what changed.
  if (errors.length === 0 || old === undefined) return errors;
  errors.length = 0;
  look(value, schema, "", errors, old);
  return errors;
}

function newDuplicates(value: unknown, schema: Schema, old: unknown): readonly FieldError[] {
  const repeated = duplicates(value, schema);
  const areOld = repeated.length > 0 && old !== undefined && duplicates(old, schema).length > 0;
  return areOld ? [] : repeated;
}

function check(value: unknown, schema: Schema, path: string, errors: FieldError[], old: unknown): void {
  const before = errors.length;
  checkNode(value, schema, path, errors, old);
  if (errors.length > before && isUnchanged(value, old, schema)) errors.length = before;
}

function checkNode(value: unknown, schema: Schema, path: string, errors: FieldError[], old: unknown) {
  if (value === null && schema.nullable === true) return;
  const types = typesOf(schema);
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    const isInteger = schema.kind === "scalar" && schema.scalar === "int64";
    errors.push(
      (isInteger ? formatError(path, schema.format, value) : undefined) ?? typeError(path, types.join(","), value),
    );
    if (isInteger) checkInteger(value, schema, path, errors);
    checkEnum(value, schema, path, errors);
    return;
  }
  checkConstraints(value, schema, path, errors);
  switch (schema.kind) {
    case "object":
      return checkObject(value as Struct, schema, path, errors, old);
    case "map":
      return checkMap(value as Struct, schema, path, errors, old);
    case "list":
      return checkList(value as readonly unknown[], schema, path, errors, old);
    case "scalar":
      checkScalar(value, schema, path, errors);
      if (isStruct(value)) checkIfObject(value, schema, path, errors, old);
  }
}

function checkIfObject(value: Struct, schema: ScalarSchema, path: string, errors: FieldError[], old: unknown): void {
  if (schema.ifObject?.kind === "map") checkMap(value, schema.ifObject, path, errors, old);
  if (schema.ifObject?.kind === "object") checkObject(value, schema.ifObject, path, errors, old);
}

function checkRequired(
  value: Struct,
  { requiredKeys = [] }: MapSchema | ObjectSchema,
  path: string,
  errors: FieldError[],
) {
  for (const name of requiredKeys) if (!Object.hasOwn(value, name)) errors.push(fieldError.required(join(path, name)));
}

function checkMap(value: Struct, schema: MapSchema, path: string, errors: FieldError[], old: unknown): void {
  checkRequired(value, schema, path, errors);
  for (const [name, member] of Object.entries(value))
    check(member, schema.values, join(path, name), errors, memberOf(old, name));
}

function checkObject(value: Struct, schema: ObjectSchema, path: string, errors: FieldError[], old: unknown): void {
  // Built-in types within custom resources (metadata) have validations of their own.
  if (schema.restriction !== undefined) checkNode(value, schema.restriction, path, errors, old);
  if (schema.typeName !== "") return;
  for (const field of schema.fields.values()) {
    if (field.required && !Object.hasOwn(value, field.name)) errors.push(fieldError.required(join(path, field.name)));
  }
  checkRequired(value, schema, path, errors);
  for (const name of Object.keys(value)) {
    const field: Field | undefined = schema.fields.get(name);
    // Both are shown in the version asked for: nobody sees whether these changed.
    const before = path === "" && (name === "apiVersion" || name === "kind") ? undefined : memberOf(old, name);
    if (field !== undefined) check(value[name], field.schema, join(path, name), errors, before);
  }
}

/** Of an object within an object: its own type and metadata, as if it stood alone. */
export function embeddedErrors(value: Struct, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ["apiVersion", "kind"]) {
    const [found, at] = [value[name], join(path, name)];
    if (found === undefined) errors.push(fieldError.required(at));
    else if (found === "") errors.push(fieldError.invalid(at, found, "must not be empty"));
  }
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion === "string" && apiVersion.split("/").length > 2) {
    const why = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(fieldError.invalid(join(path, "apiVersion"), apiVersion, why));
  }
  const problems = typeof kind === "string" && kind !== "" ? dns1035Label(kind.toLowerCase()) : [];
  if (problems.length > 0) {
    const why = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
    errors.push(fieldError.invalid(join(path, "kind"), kind, why));
  }
  if (typeof metadata === "object" && metadata !== null)
    errors.push(...embeddedMetadataErrors(metadata as ObjectMeta, join(path, "metadata")));
  return errors;
}

function checkList(
  items: readonly unknown[],
  schema: ListSchema,
  path: string,
  errors: FieldError[],
  old: unknown,
): void {
  items.forEach((item, index) => {
    check(item, schema.items, `${path}[${index}]`, errors, counterpartOf(item, old, schema));
  });
}

/** What is wrong with the objects within an object, whether it changed or not. */
function findEmbedded(value: unknown, schema: Schema, path: string, errors: FieldError[]): void {
  if (typeof value !== "object" || value === null || !hasEmbedded(schema)) return;
  if (schema.kind === "object" && schema.embeddedResource && path !== "" && isStruct(value))
    errors.push(...embeddedErrors(value, path));
  for (const [at, member, below] of membersOf(value, schema, path)) findEmbedded(member, below, at, errors);
}

const withEmbedded = new WeakMap<Schema, boolean>();

/** Whether there are objects within the objects of a schema; it may be one itself. */
function hasEmbedded(schema: Schema): boolean {
  let known = withEmbedded.get(schema);
  if (known === undefined) {
    known = (schema.kind === "object" && schema.embeddedResource) || schemasBelow(schema).some(hasEmbedded);
    withEmbedded.set(schema, known);
  }
  return known;
}

/** Those of the parts of a value. */
export function schemasBelow(schema: Schema): readonly Schema[] {
  switch (schema.kind) {
    case "object":
      return schema.typeName === "" ? [...schema.fields.values()].map((field) => field.schema) : [];
    case "map":
      return [schema.values];
    case "list":
      return [schema.items];
    case "scalar":
      return schema.ifObject === undefined ? [] : [schema.ifObject];
  }
}

/** The parts of a list or an object that its schema says something of, with their paths. */
function membersOf(value: object, schema: Schema, path: string): readonly (readonly [string, unknown, Schema])[] {
  if (schema.kind === "scalar")
    return schema.ifObject !== undefined && isStruct(value) ? membersOf(value, schema.ifObject, path) : [];
  if (schema.kind === "list")
    return Array.isArray(value) ? value.map((item, index) => [`${path}[${index}]`, item, schema.items]) : [];
  if (schema.kind === "object" && schema.typeName !== "") return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const below = schema.kind === "map" ? schema.values : schema.fields.get(name)?.schema;
    return below === undefined ? [] : [[join(path, name), member, below] as const];
  });
}

/** Items that a set or a map by keys has twice, anywhere in a value. */
function duplicates(value: unknown, schema: Schema): readonly FieldError[] {
  const errors: FieldError[] = [];
  findDuplicates(value, schema, "", errors);
  return errors;
}

function findDuplicates(value: unknown, schema: Schema, path: string, errors: FieldError[]): void {
  if (typeof value !== "object" || value === null) return;
  if (schema.kind === "list" && Array.isArray(value)) findRepeated(value, schema, path, errors);
  for (const [at, member, below] of membersOf(value, schema, path)) findDuplicates(member, below, at, errors);
}

function findRepeated(items: readonly unknown[], schema: ListSchema, path: string, errors: FieldError[]): void {
  if (schema.listType === "atomic") return;
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    if (schema.listType === "map" && !isStruct(item)) {
      if (item !== null) errors.push(fieldError.invalid(`${path}[${index}]`, item, NO_ITEM_OF_MAP));
      continue;
    }
    const key = schema.listType === "set" ? item : keyOf(item, schema);
    const text = encodeUnstructuredText(key);
    if (seen.has(text)) errors.push(fieldError.duplicate(`${path}[${index}]`, key));
    seen.add(text);
  }
}

const NO_ITEM_OF_MAP = "must be an object for an array of list-type map";

function checkScalar(value: unknown, schema: ScalarSchema, path: string, errors: FieldError[]): void {
  if (schema.scalar === "int64") checkInteger(value, schema, path, errors);
}

/** That it is none, or one too large for its format: upstream says so of the whole object. */
function checkInteger(value: unknown, { format = "" }: ScalarSchema, path: string, errors: FieldError[]): void {
  if (typeof value !== "number" && typeof value !== "bigint") return;
  const bits = format === "int32" ? 32n : 64n;
  const isWithin =
    (typeof value === "bigint" || Number.isInteger(value)) &&
    BigInt.asIntN(Number(bits), BigInt(value)) === BigInt(value);
  if (isWithin) return;
  const form = format === "int32" || format === "int64" ? `with format ${format}` : "(default format)";
  errors.push(fieldError.invalid("<nil>", "", `Checked value must be of type integer ${form} in ${path}`));
}

/** JSON types that a node allows; none: every type. */
function typesOf(schema: Schema): readonly string[] {
  switch (schema.kind) {
    case "object":
    case "map":
      return ["object"];
    case "list":
      return ["array"];
    case "scalar":
      return SCALAR_TYPES[schema.scalar] ?? ["string"];
  }
}

const SCALAR_TYPES: Readonly<Record<string, readonly string[]>> = {
  int32: ["integer"],
  int64: ["integer"],
  double: ["number"],
  bool: ["boolean"],
  intOrString: ["integer", "string"],
  quantity: ["string", "number"],
  any: [],
  raw: [],
  fieldsV1: [],
};

function isOfType(value: unknown, type: string): boolean {
  const actual = typeName(value);
  return actual === type || (type === "number" && actual === "integer");
}

/** The JSON type of a value as OpenAPI names it. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? "integer" : "number";
  return typeof value === "bigint" ? "integer" : typeof value;
}

/** Of an integer with a format: Go's name of what is there instead. */
function formatError(path: string, format: string | undefined, value: unknown): FieldError | undefined {
  if (format !== "int32" && format !== "int64") return undefined;
  const actual = typeof value === "number" ? "float64" : typeof value === "boolean" ? "" : undefined;
  if (actual === undefined) return undefined;
  return fieldError.typeInvalid(path, actual, `${path} in body must be of type ${format}: "${actual}"`);
}

function typeError(path: string, wanted: string, value: unknown): FieldError {
  const actual = typeName(value);
  return fieldError.typeInvalid(path, actual, `${path} in body must be of type ${wanted}: "${actual}"`);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** The keywords that any node may have, whatever its type. */
function checkConstraints(value: unknown, schema: Constraints, path: string, errors: FieldError[]): void {
  const fail = (detail: string) => errors.push(fieldError.invalid(path, value, `${path} in body ${detail}`));
  checkEnum(value, schema, path, errors);
  if (typeof value === "string") checkText(value, schema, path, errors, fail);
  else if (typeof value === "number" || typeof value === "bigint") checkNumber(value, schema, path, errors, fail);
  else if (Array.isArray(value)) checkLength(value, schema, path, errors, fail);
  else if (typeof value === "object" && value !== null) checkProperties(value, schema, path, errors);
  checkCombined(value, schema, path, errors);
}

function checkEnum(value: unknown, schema: Constraints, path: string, errors: FieldError[]): void {
  if (schema.enum === undefined || schema.enum.length === 0) return;
  if (schema.enum.some((each) => sameJson(each, value))) return;
  const supported = schema.enum.map((each) => (typeof each === "string" ? each : encodeUnstructuredText(each)));
  errors.push(fieldError.notSupported(path, value, supported));
}

type Fail = (detail: string) => void;

function checkText(value: string, schema: Constraints, path: string, errors: FieldError[], fail: Fail): void {
  const length = schema.minLength === undefined && schema.maxLength === undefined ? 0 : [...value].length;
  if (schema.maxLength !== undefined && length > schema.maxLength)
    errors.push(fieldError.tooLong(path, schema.maxLength));
  else if (schema.minLength !== undefined && length < schema.minLength)
    fail(`should be at least ${schema.minLength} chars long`);
  else if (schema.pattern !== undefined && !fits(value, schema.pattern)) fail(`should match '${schema.pattern}'`);
  if (schema.format !== undefined && !hasFormat(value, schema.format)) {
    errors.push(
      fieldError.typeInvalid(path, value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`),
    );
  }
}

/** Whole numbers are held against whole bounds and factors: upstream leaves out what these have behind the point. */
function checkNumber(value: number | bigint, schema: Constraints, path: string, errors: FieldError[], fail: Fail) {
  const isWhole = typeof value === "bigint" || Number.isInteger(value);
  const limit = (bound: number) => (isWhole ? Math.trunc(bound) : bound);
  const [maximum, minimum] = [schema.maximum, schema.minimum].map((bound) =>
    bound === undefined ? undefined : limit(bound),
  );
  const shown = (bound: number) => (isWhole ? String(bound) : goFloat(bound));
  if (schema.multipleOf !== undefined) checkFactor(value, limit(schema.multipleOf), path, errors, fail);
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum) fail(`should be less than ${shown(maximum)}`);
    else if (value > maximum) fail(`should be less than or equal to ${shown(maximum)}`);
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum) fail(`should be greater than ${shown(minimum)}`);
    else if (value < minimum) fail(`should be greater than or equal to ${shown(minimum)}`);
  }
}

function checkFactor(value: number | bigint, factor: number, path: string, errors: FieldError[], fail: Fail): void {
  if (factor <= 0) {
    const why = `factor MultipleOf declared for ${path} must be positive: ${factor}`;
    errors.push(fieldError.invalid(path, factor, why));
    return;
  }
  const isMultiple =
    typeof value === "bigint"
      ? value % BigInt(factor) === 0n
      : isNearlyWhole(factor < 1 ? (1 / factor) * value : value / factor);
  if (!isMultiple) fail(`should be a multiple of ${Number.isInteger(value) ? factor : goFloat(factor)}`);
}

/** Within upstream's error of 1e-9, relative: 0.07 is a multiple of 0.01. */
function isNearlyWhole(value: number): boolean {
  const whole = Math.round(value);
  return (
    Math.abs(value) <= Number.MAX_SAFE_INTEGER && (value === whole || Math.abs(value - whole) < 1e-9 * Math.abs(whole))
  );
}

function checkLength(
  value: readonly unknown[],
  schema: Constraints,
  path: string,
  errors: FieldError[],
  fail: Fail,
): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    const why = `${path} in body should have at least ${schema.minItems} items`;
    errors.push(fieldError.invalid(path, value.length, why));
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    errors.push(fieldError.tooMany(path, value.length, schema.maxItems));
  }
  if (schema.uniqueItems === true && new Set(value.map(encodeEach)).size < value.length)
    fail("shouldn't contain duplicates");
}

function encodeEach(value: unknown): string {
  return encodeUnstructuredText(value);
}

function checkProperties(value: object, schema: Constraints, path: string, errors: FieldError[]): void {
  const count = Object.keys(value).length;
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    const why = `${path} in body should have at least ${schema.minProperties} properties`;
    errors.push(fieldError.invalid(path, count, why));
  }
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    errors.push(fieldError.tooMany(path, count, schema.maxProperties));
  }
}

/** Upstream reports these without a field: "<nil>". */
function checkCombined(value: unknown, schema: Constraints, path: string, errors: FieldError[]): void {
  const fail = (detail: string) => errors.push(fieldError.invalid("<nil>", "", `"${path}" ${detail}`));
  const failures = (list: readonly unknown[] | undefined) =>
    (list ?? []).map((each) => nestedErrors(value, each, path));
  const any = failures(schema.anyOf);
  if (any.length > 0 && any.every((each) => each.length > 0)) {
    fail("must validate at least one schema (anyOf)");
    errors.push(...fewest(any));
  }
  const one = failures(schema.oneOf);
  const valid = one.filter((each) => each.length === 0).length;
  if (one.length > 0 && valid !== 1) {
    fail(
      `must validate one and only one schema (oneOf). ${valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`}`,
    );
    if (valid === 0) errors.push(...fewest(one));
  }
  const all = failures(schema.allOf);
  errors.push(...all.flat());
  const failed = all.filter((each) => each.length > 0).length;
  if (failed > 0) fail(`must validate all the schemas (allOf)${failed === all.length ? ". None validated" : ""}`);
  if (schema.not !== undefined && nestedErrors(value, schema.not, path).length === 0)
    fail("must not validate the schema (not)");
}

function fewest(failures: readonly (readonly FieldError[])[]): readonly FieldError[] {
  return failures.reduce((best, each) => (each.length < best.length ? each : best));
}

/** Checks the schemas within allOf, anyOf, oneOf and not, which specify no structure of their own. */
function nestedErrors(value: unknown, schema: unknown, path: string): readonly FieldError[] {
  const props = schema as JSONSchemaProps;
  const errors: FieldError[] = [];
  const wanted = props.type ?? "";
  if (wanted !== "" && !isOfType(value, wanted)) {
    if (!(value === null && props.nullable === true)) errors.push(typeError(path, wanted, value));
    return errors;
  }
  checkConstraints(value, props, path, errors);
  if (Array.isArray(value)) {
    const { items } = props;
    if (items !== undefined)
      for (const [index, item] of value.entries()) errors.push(...nestedErrors(item, items, `${path}[${index}]`));
  } else if (typeof value === "object" && value !== null) {
    checkNestedProperties(value as Struct, props, path, errors);
  }
  return errors;
}

function checkNestedProperties(value: Struct, props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  for (const name of props.required ?? []) {
    if (!Object.hasOwn(value, name)) errors.push(fieldError.required(join(path, name)));
  }
  const rest: unknown = props.additionalProperties;
  for (const [name, member] of Object.entries(value)) {
    const property = Object.hasOwn(props.properties ?? {}, name) ? props.properties?.[name] : undefined;
    if (property !== undefined) errors.push(...nestedErrors(member, property, join(path, name)));
    else if (typeof rest === "object" && rest !== null) errors.push(...nestedErrors(member, rest, join(path, name)));
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return a === b || encodeUnstructuredText(a) === encodeUnstructuredText(b);
}

/** A pattern that is none, of a definition from before they were looked at, fits nothing. */
function fits(text: string, pattern: string): boolean {
  try {
    return goPattern(pattern).test(text);
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}
