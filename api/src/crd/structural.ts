import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import { patternProblem } from "../go-pattern.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { aggregateMessage, type FieldError, fieldError, fieldErrorMessage } from "../status/field-error.ts";
import { compileNode } from "./compile.ts";
import { prune } from "./prune.ts";
import { embeddedErrors, typeName, validateValue } from "./validate-value.ts";

type Struct = Readonly<Record<string, unknown>>;
type Level = "root" | "item" | "field";

/**
 * Why a schema of a CustomResourceDefinition is not structural or uses what is not supported; empty means that it compiles.
 * @param path Of the schema: "spec.validation.openAPIV3Schema" where all versions share it, as upstream shows it then, else
 *   "spec.versions[0].schema.openAPIV3Schema".
 */
export function structuralErrors(props: JSONSchemaProps, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (props.nullable === true)
    errors.push(fieldError.forbidden(`${path}.nullable`, "nullable cannot be true at the root"));
  const structure: FieldError[] = [];
  checkNode(props, path, "root", structure);
  structure.sort((a, b) => (fieldErrorMessage(a) < fieldErrorMessage(b) ? -1 : 1)); // as upstream, which walks maps in any order
  const defaults: FieldError[] = [];
  if (structure.length === 0) checkDefaults(props, path, true, defaults);
  const unsupported: FieldError[] = [];
  for (const name of ["apiVersion", "kind", "metadata"]) {
    const own = props.properties?.[name];
    const at = `${path}.properties[${name}]`;
    if (own !== undefined) checkForbiddenDefaults(own, at, `in top-level ${name}`, unsupported);
  }
  checkSupported(props, path, unsupported);
  return [...errors, ...structure, ...defaults, ...unsupported];
}

/** What OpenAPI has and structural schemas may not use. */
function checkSupported(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const forbid = (name: string, detail: string) => errors.push(fieldError.forbidden(`${path}.${name}`, detail));
  for (const name of ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] as const) {
    if (props[name] !== undefined) forbid(name, `${name} is not supported`);
  }
  if (props.type !== undefined && !TYPES.has(props.type)) {
    errors.push(fieldError.notSupported(`${path}.type`, props.type, [...TYPES]));
  }
  const items: unknown = props.items;
  const isEmpty = items === undefined || (Array.isArray(items) && items.length === 0);
  if (!isEmpty && Array.isArray(items)) forbid("items", "items must be a schema object and not an array");
  if (props.type === "array" && isEmpty) errors.push(fieldError.required(`${path}.items`, "must be specified"));
  const wrong = props.pattern === undefined ? undefined : patternProblem(props.pattern);
  if (wrong !== undefined) {
    const why = `must be a valid regular expression, but isn't: error parsing regexp: ${wrong}`;
    errors.push(fieldError.invalid(`${path}.pattern`, props.pattern, why));
  }
  if (props.uniqueItems === true) {
    forbid("uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  }
  const additional: unknown = props.additionalProperties;
  if (additional !== undefined && props.properties !== undefined && additional !== true) {
    forbid("additionalProperties", "additionalProperties and properties are mutual exclusive");
  } else if (additional === false) forbid("additionalProperties", "additionalProperties cannot be set to false");
  for (const [below, child] of children(props, path)) checkSupported(child, below, errors);
  checkExtensions(props, path, errors);
}

const TYPES: ReadonlySet<string> = new Set(["array", "boolean", "integer", "number", "object", "string"]);

/** The x-kubernetes-* of one node. */
function checkExtensions(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const preserve = "x-kubernetes-preserve-unknown-fields";
  if (props[preserve] === false)
    errors.push(fieldError.invalid(`${path}.${preserve}`, false, "must be true or undefined"));
  const mapType = props["x-kubernetes-map-type"];
  if (mapType !== undefined && props.type !== "object")
    errors.push(wrongType(props, path, "must be object if x-kubernetes-map-type is specified"));
  if (mapType !== undefined && mapType !== "atomic" && mapType !== "granular")
    errors.push(fieldError.notSupported(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]));
  checkLists(props, path, errors);
}

function wrongType(props: JSONSchemaProps, path: string, detail: string): FieldError {
  const at = `${path}.type`;
  return props.type === undefined ? fieldError.required(at, detail) : fieldError.invalid(at, props.type, detail);
}

function checkLists(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const listType = props["x-kubernetes-list-type"];
  const keys = props["x-kubernetes-list-map-keys"] ?? [];
  const at = `${path}.x-kubernetes-list-type`;
  if (listType !== undefined && props.type !== "array")
    errors.push(wrongType(props, path, "must be array if x-kubernetes-list-type is specified"));
  else if (listType !== undefined && !["atomic", "set", "map"].includes(listType))
    errors.push(fieldError.notSupported(at, listType, ["atomic", "set", "map"]));
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (listType !== "map" && keys.length > 0) {
    const why = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(listType === undefined ? fieldError.required(at, why) : fieldError.invalid(at, listType, why));
  }
  const items = props.items as JSONSchemaProps | undefined;
  if (listType === "map") {
    if (keys.length === 0)
      errors.push(fieldError.required(keysAt, "must not be empty if x-kubernetes-list-type is map"));
    if (items === undefined)
      errors.push(fieldError.required(`${path}.items`, "must have a schema if x-kubernetes-list-type is map"));
    else checkKeys(items, keys, path, errors);
  }
  if ((listType === "map" || listType === "set") && isSchema(items)) checkItems(items, listType, keys, path, errors);
}

function checkKeys(items: JSONSchemaProps, keys: readonly string[], path: string, errors: FieldError[]): void {
  const list = "parent array's x-kubernetes-list-type is map";
  if (items.type !== "object") {
    errors.push(fieldError.invalid(`${path}.items.type`, items.type ?? "", `must be object if ${list}`));
    return;
  }
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  keys.forEach((key, index) => {
    const property = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
    if (property === undefined)
      errors.push(fieldError.invalid(`${keysAt}[${index}]`, key, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object") {
      const at = `${path}.items.properties[${key}].type`;
      errors.push(fieldError.invalid(at, property.type, `must be a scalar type if ${list}`));
    }
    if (keys.indexOf(key) < index) errors.push(fieldError.invalid(keysAt, keys, "must not contain duplicate entries"));
  });
}

/** What the items of sets and maps must be, so that they can be told apart. */
function checkItems(
  items: JSONSchemaProps,
  listType: "map" | "set",
  keys: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (items.nullable === true)
    errors.push(
      fieldError.forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  for (const key of listType === "map" ? keys : []) {
    const property = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
    if (property === undefined) continue;
    const [at, what] = [`${path}.items.properties[${key}]`, "this property is in x-kubernetes-list-map-keys, so it"];
    if (property.default === undefined && items.required?.includes(key) !== true)
      errors.push(fieldError.required(`${at}.default`, `${what} must have a default or be a required property`));
    if (property.nullable === true) errors.push(fieldError.forbidden(`${at}.nullable`, `${what} cannot be nullable`));
  }
  if (listType !== "set") return;
  const name = { array: "x-kubernetes-list-type", object: "x-kubernetes-map-type" }[items.type ?? ""];
  const found = name === undefined ? "atomic" : items[name as "x-kubernetes-map-type"];
  if (found !== "atomic") {
    const why = "must be atomic as item of a list with x-kubernetes-list-type=set";
    errors.push(fieldError.invalid(`${path}.items.${name}`, found ?? null, why));
  }
}

/** The schemas within a schema: structural ones first, then those of value validations. */
function* children(props: JSONSchemaProps, path: string): Generator<readonly [string, JSONSchemaProps, boolean]> {
  for (const name of Object.keys(props.properties ?? {}).sort()) {
    yield [`${path}.properties[${name}]`, props.properties![name]!, false];
  }
  if (isSchema(props.additionalProperties)) yield [`${path}.additionalProperties`, props.additionalProperties, false];
  if (isSchema(props.items)) yield [`${path}.items`, props.items, false];
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [index, each] of (props[name] ?? []).entries()) yield [`${path}.${name}[${index}]`, each, true];
  }
  if (props.not !== undefined) yield [`${path}.not`, props.not, true];
}

function checkNode(props: JSONSchemaProps, path: string, level: Level, errors: FieldError[]): void {
  for (const [below, child, isNested] of children(props, path)) {
    if (!isNested) checkNode(child, below, below.endsWith(".items") ? "item" : "field", errors);
    else if (!below.startsWith(`${path}.anyOf[`) || !isIntOrString(props.anyOf))
      checkNested(child, below, errors, below === `${path}.allOf[0]` && isIntOrString(child.anyOf));
  }
  checkType(props, path, level, errors);
  if (props["x-kubernetes-embedded-resource"] === true) checkEmbedded(props, path, errors);
  if (level === "root") checkRoot(props, path, errors);
  if (level === "root" || props["x-kubernetes-embedded-resource"] === true) checkTypeMeta(props, path, errors);
}

/** `anyOf: [{type: integer}, {type: string}]`, said so and not otherwise. */
function isIntOrString(anyOf: JSONSchemaProps["anyOf"]): boolean {
  return jsonEqual(anyOf, [{ type: "integer" }, { type: "string" }]);
}

/** The resource that a part of its type or metadata makes. */
type InResource = (part: unknown) => Struct;

/** @param inResource Of what is within the type or metadata of a resource. */
function checkDefaults(
  props: JSONSchemaProps,
  path: string,
  isResource: boolean,
  errors: FieldError[],
  inResource?: InResource,
): void {
  if (props.default !== undefined) errors.push(...defaultErrors(props, `${path}.default`, inResource));
  for (const [below, child, isNested] of children(props, path)) {
    if (isNested || below.endsWith(".additionalProperties")) continue;
    const name = propertyOf(below, path);
    const isMeta = isResource && (name === "apiVersion" || name === "kind" || name === "metadata");
    const around: InResource | undefined = isMeta ? (part) => ({ ...TYPED, [name]: part }) : inResource;
    const wrapped: InResource | undefined =
      isMeta || around === undefined ? around : (part) => around(name === undefined ? [part] : { [name]: part });
    const isEmbedded = child["x-kubernetes-embedded-resource"] === true;
    checkDefaults(child, below, isEmbedded, errors, isEmbedded ? undefined : wrapped);
  }
}

const TYPED = { apiVersion: "validation/v1", kind: "Validation" };

function propertyOf(below: string, path: string): string | undefined {
  return /^\.properties\[(.*)\]$/s.exec(below.slice(path.length))?.[1];
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function checkType(props: JSONSchemaProps, path: string, level: Level, errors: FieldError[]): void {
  const at = `${path}.type`;
  const type = props.type ?? "";
  const isIntOrString = props["x-kubernetes-int-or-string"] === true;
  const preserve = "x-kubernetes-preserve-unknown-fields";
  if (isIntOrString && props[preserve] === true)
    errors.push(fieldError.invalid(`${path}.${preserve}`, true, "must be false if x-kubernetes-int-or-string is true"));
  const embedded = "x-kubernetes-embedded-resource";
  if (isIntOrString && props[embedded] === true)
    errors.push(fieldError.invalid(`${path}.${embedded}`, true, "must be false if x-kubernetes-int-or-string is true"));
  if (type === "") {
    const isFree = isIntOrString || props[preserve] === true || props[embedded] === true;
    if (level === "root" || !isFree) errors.push(fieldError.required(at, EMPTY_TYPE[level]));
  } else if (level === "root" && type !== "object") {
    errors.push(fieldError.invalid(at, type, "must be object at the root"));
  }
}

function checkEmbedded(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const detail = "must be object if x-kubernetes-embedded-resource is true";
  const at = `${path}.type`;
  if (props.type === undefined) errors.push(fieldError.required(at, detail));
  else if (props.type !== "object") errors.push(fieldError.invalid(at, props.type, detail));
  if (props.additionalProperties !== undefined) {
    errors.push(
      fieldError.forbidden(`${path}.additionalProperties`, "must not be used if x-kubernetes-embedded-resource is set"),
    );
  }
  const isEmpty = Object.keys(props.properties ?? {}).length === 0;
  if (isEmpty && props["x-kubernetes-preserve-unknown-fields"] !== true) {
    const why =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(fieldError.required(`${path}.properties`, why));
  }
}

/** What every resource has is of one type. */
function checkTypeMeta(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  for (const [name, type] of Object.entries({ metadata: "object", apiVersion: "string", kind: "string" })) {
    const property = props.properties?.[name];
    const at = `${path}.properties[${name}].type`;
    if (property !== undefined && property.type !== type)
      errors.push(fieldError.invalid(at, property.type ?? "", `must be ${type}`));
  }
}

/** Of its own metadata a schema may restrict the name, nothing else; what it restricts in allOf and its kin must be there. */
function checkRoot(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  if (props.additionalProperties !== undefined)
    errors.push(fieldError.forbidden(`${path}.additionalProperties`, "must not be used at the root"));
  const { metadata } = props.properties ?? {};
  if (metadata !== undefined && !restrictsNameAlone(metadata)) {
    const why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(fieldError.forbidden(`${path}.properties[metadata]`, why));
  }
  for (const [below, child, isNested] of children(props, path))
    if (isNested) checkComplete(child, below, props, path, errors);
}

function restrictsNameAlone({ type: _type, default: _default, properties, ...more }: JSONSchemaProps): boolean {
  const isOfNames = Object.keys(properties ?? {}).every((name) => name === "name" || name === "generateName");
  return isOfNames && Object.values(more).every((value) => value === false);
}

/** @param outer The structure that stands beside a nested schema. */
function checkComplete(
  props: JSONSchemaProps,
  path: string,
  outer: JSONSchemaProps | undefined,
  outerPath: string,
  errors: FieldError[],
): void {
  if (outer === undefined) {
    errors.push(fieldError.required(outerPath, `because it is defined in ${path}`));
    return;
  }
  for (const [below, child, isNested] of children({ ...props, additionalProperties: undefined as never }, path)) {
    if (isNested) {
      checkComplete(child, below, outer, outerPath, errors);
      continue;
    }
    const name = propertyOf(below, path);
    const items: unknown = outer.items;
    const own = name === undefined ? (isSchema(items) ? items : undefined) : outer.properties?.[name];
    checkComplete(child, below, own, outerPath + below.slice(path.length), errors);
  }
}

/** Defaults where there may be none. */
function checkForbiddenDefaults(props: JSONSchemaProps, path: string, where: string, errors: FieldError[]): void {
  if (props.default !== undefined) errors.push(fieldError.forbidden(`${path}.default`, `must not be set ${where}`));
  for (const [below, child, isNested] of children(props, path))
    if (!isNested) checkForbiddenDefaults(child, below, where, errors);
}

/** Within allOf, anyOf, oneOf and not only values are restricted; the structure is said outside. */
function checkNested(props: JSONSchemaProps, path: string, errors: FieldError[], isIntOrStringAllOf = false): void {
  const forbid = (name: string, detail: string) => errors.push(fieldError.forbidden(`${path}.${name}`, detail));
  for (const name of ["type", "title", "description"] as const) {
    if (props[name] !== undefined) forbid(name, "must be empty to be structural");
  }
  if (props.default !== undefined) forbid("default", "must be undefined to be structural");
  if (props.nullable === true) forbid("nullable", "must be false to be structural");
  if (props.additionalProperties !== undefined) forbid("additionalProperties", "must be undefined to be structural");
  for (const name of EXTENSIONS) if (props[name] === true) forbid(name, "must be false to be structural");
  for (const name of ["x-kubernetes-list-type", "x-kubernetes-map-type"] as const) {
    if (props[name] !== undefined) forbid(name, "must be undefined to be structural");
  }
  for (const name of ["x-kubernetes-list-map-keys", "x-kubernetes-validations"] as const) {
    if ((props[name] ?? []).length > 0) forbid(name, "must be empty to be structural");
  }
  if (props.properties?.["metadata"] !== undefined)
    forbid("properties[metadata]", "must not be specified in a nested context");
  for (const [below, child] of children({ ...props, additionalProperties: undefined as never }, path))
    if (!isIntOrStringAllOf || !below.startsWith(`${path}.anyOf[`)) checkNested(child, below, errors);
}

const EXTENSIONS = [
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
] as const;

/** Defaults must be what the schema itself accepts and keeps, in metadata what makes a resource that is valid. */
function defaultErrors(props: JSONSchemaProps, at: string, inResource?: InResource): readonly FieldError[] {
  const value: unknown = props.default;
  if (props.type !== undefined && !TYPES.has(props.type)) {
    const actual = typeName(value);
    return [fieldError.typeInvalid(at, actual, ` in body must be of type ${props.type}: "${actual}"`)];
  }
  const schema = compileNode(props);
  const errors = validateValue(value, schema).map((error) => ({
    ...error,
    field: error.field === "" ? at : `${at}.${error.field}`,
  }));
  if (inResource !== undefined) {
    const wrong = metadataProblem(inResource(value));
    return wrong === undefined
      ? errors
      : [fieldError.invalid(at, value, `must result in valid metadata: ${wrong}`), ...errors];
  }
  const pruned = prune(value, schema);
  return pruned.unknown.length > 0
    ? [fieldError.invalid(at, value, "must not have unknown fields"), ...errors]
    : errors;
}

function metadataProblem(resource: Struct): string | undefined {
  const anyResource = compileNode({
    type: "object",
    properties: { resource: { type: "object", "x-kubernetes-embedded-resource": true } },
  } as unknown as JSONSchemaProps);
  const { object, unreadable } = prune({ resource }, anyResource);
  if (unreadable !== undefined) return unreadable.replace(/^resource\./, "");
  return aggregateMessage(embeddedErrors(object.resource, "").map(fieldErrorMessage)) || undefined;
}

function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
