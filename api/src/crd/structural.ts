import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import { type FieldError, fieldError } from "../status/field-error.ts";
import { compileNode } from "./compile.ts";
import { prune } from "./prune.ts";
import { patternOf, validateValue } from "./validate-value.ts";

type Level = "root" | "item" | "field";

/**
 * Why a schema of a CustomResourceDefinition is not structural or uses what is not supported; empty means that it compiles.
 * @param path Of the schema: "spec.validation.openAPIV3Schema" where all versions share it, as upstream shows it then, else
 *   "spec.versions[0].schema.openAPIV3Schema".
 */
export function structuralErrors(props: JSONSchemaProps, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  checkSupported(props, path, errors, false);
  if (errors.length > 0) return errors;
  checkNode(props, path, "root", errors);
  return errors;
}

/** What OpenAPI has and structural schemas may not use. */
function checkSupported(props: JSONSchemaProps, path: string, errors: FieldError[], nested: boolean): void {
  const forbid = (name: string, detail: string) => errors.push(fieldError.forbidden(`${path}.${name}`, detail));
  if (props.uniqueItems === true) {
    forbid("uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  }
  const additional: unknown = props.additionalProperties;
  if (props.additionalProperties !== undefined && props.properties !== undefined && additional !== false) {
    forbid("additionalProperties", "additionalProperties and properties are mutual exclusive");
  }
  if (additional === false) forbid("additionalProperties", "additionalProperties cannot be set to false");
  if (props.$ref !== undefined) forbid("$ref", "$ref is not supported");
  for (const name of ["id", "patternProperties", "dependencies", "definitions", "additionalItems"] as const) {
    if (props[name] !== undefined) forbid(name, `${name} is not supported`);
  }
  const items: unknown = props.items;
  if (Array.isArray(items)) forbid("items", "items must be a schema object and not an array");
  if (props.type !== undefined && !TYPES.has(props.type)) {
    errors.push(fieldError.notSupported(`${path}.type`, props.type, [...TYPES]));
  }
  if (props.pattern !== undefined && patternOf(props.pattern) === undefined) {
    errors.push(
      fieldError.invalid(
        `${path}.pattern`,
        props.pattern,
        "must be a valid regular expression, but isn't: error parsing regexp",
      ),
    );
  }
  if (!nested) checkLists(props, path, errors);
  for (const [below, child, isNested] of children(props, path))
    checkSupported(child, below, errors, nested || isNested);
}

const TYPES: ReadonlySet<string> = new Set(["array", "boolean", "integer", "number", "object", "string"]);

function checkLists(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const listType = props["x-kubernetes-list-type"];
  const keys = props["x-kubernetes-list-map-keys"] ?? [];
  const at = `${path}.x-kubernetes-list-type`;
  if (listType !== undefined && !["atomic", "set", "map"].includes(listType)) {
    errors.push(fieldError.notSupported(at, listType, ["atomic", "map", "set"]));
  }
  if (listType !== undefined && props.type !== "array") {
    errors.push(
      props.type === undefined
        ? fieldError.required(`${path}.type`, "must be array if x-kubernetes-list-type is specified")
        : fieldError.invalid(`${path}.type`, props.type, "must be array if x-kubernetes-list-type is specified"),
    );
  }
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (listType === "map" && keys.length === 0) {
    errors.push(fieldError.required(keysAt, "must not be empty if x-kubernetes-list-type is map"));
  }
  if (listType !== "map" && keys.length > 0) {
    errors.push(
      listType === undefined
        ? fieldError.required(at, "must be map if x-kubernetes-list-map-keys is non-empty")
        : fieldError.invalid(at, listType, "must be map if x-kubernetes-list-map-keys is non-empty"),
    );
  }
  const properties = (props.items as JSONSchemaProps | undefined)?.properties ?? {};
  keys.forEach((key, index) => {
    if (!Object.hasOwn(properties, key)) {
      errors.push(fieldError.invalid(`${keysAt}[${index}]`, key, "entries must all be names of item properties"));
    }
  });
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
    if (isNested) checkNested(child, below, props, errors);
    else checkNode(child, below, below.endsWith(".items") ? "item" : "field", errors);
  }
  checkType(props, path, level, errors);
  const isResource = level === "root" || props["x-kubernetes-embedded-resource"] === true;
  if (isResource) checkMetadata(props, path, errors);
  if (props["x-kubernetes-embedded-resource"] === true) checkEmbedded(props, path, errors);
  if (props.default !== undefined) checkDefault(props, path, errors);
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
  if (isIntOrString && type !== "") {
    errors.push(fieldError.forbidden(at, "must be empty if x-kubernetes-int-or-string is true"));
  }
  if (type === "") {
    const isFree = isIntOrString || props["x-kubernetes-preserve-unknown-fields"] === true;
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

/** A schema may restrict a resource's name, nothing else of its metadata. */
function checkMetadata(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const metadata = props.properties?.["metadata"];
  if (metadata === undefined) return;
  const names = Object.keys(metadata.properties ?? {});
  if (names.every((name) => name === "name" || name === "generateName") && metadata.additionalProperties === undefined)
    return;
  const why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
  errors.push(fieldError.forbidden(`${path}.properties[metadata]`, why));
}

/** Within allOf, anyOf, oneOf and not only values are restricted; the structure is said outside. */
function checkNested(props: JSONSchemaProps, path: string, outer: JSONSchemaProps, errors: FieldError[]): void {
  const forbid = (name: string, detail: string) => errors.push(fieldError.forbidden(`${path}.${name}`, detail));
  const isIntOrString =
    outer["x-kubernetes-int-or-string"] === true && (props.type === "integer" || props.type === "string");
  if (props.type !== undefined && !isIntOrString) forbid("type", "must be empty to be structural");
  for (const name of ["title", "description"] as const) {
    if (props[name] !== undefined) forbid(name, "must be empty to be structural");
  }
  if (props.default !== undefined) forbid("default", "must be undefined to be structural");
  if (props.nullable === true) forbid("nullable", "must be false to be structural");
  if (props.additionalProperties !== undefined) forbid("additionalProperties", "must be undefined to be structural");
  for (const name of EXTENSIONS) if (props[name] === true) forbid(name, "must be false to be structural");
  for (const name of ["x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"] as const) {
    if (props[name] !== undefined) forbid(name, "must be undefined to be structural");
  }
  checkSpecified(props, path, outer, errors);
  for (const [below, child] of children(props, path)) {
    checkNested(child, below, outerOf(below, path, outer), errors);
  }
}

const EXTENSIONS = [
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-int-or-string",
] as const;

/** What a value validation restricts must be specified by the structure around it. */
function checkSpecified(props: JSONSchemaProps, path: string, outer: JSONSchemaProps, errors: FieldError[]): void {
  const base = path.replace(/\.(?:allOf|anyOf|oneOf)\[\d+\].*$|\.not.*$/, "");
  for (const name of Object.keys(props.properties ?? {}).sort()) {
    if (outer.properties?.[name] !== undefined || isSchema(outer.additionalProperties)) continue;
    if (outer["x-kubernetes-preserve-unknown-fields"] === true && outer.properties === undefined) continue;
    errors.push(
      fieldError.required(`${base}.properties[${name}]`, `because it is defined in ${path}.properties[${name}]`),
    );
  }
  if (props.items !== undefined && outer.items === undefined) {
    errors.push(fieldError.required(`${base}.items`, `because it is defined in ${path}.items`));
  }
}

/** The structure that stands beside a nested schema's child. */
function outerOf(below: string, path: string, outer: JSONSchemaProps): JSONSchemaProps {
  const step = below.slice(path.length);
  const name = /^\.properties\[(.*)\]$/.exec(step)?.[1];
  if (name !== undefined) {
    const additional: unknown = outer.additionalProperties;
    return outer.properties?.[name] ?? (isSchema(additional) ? additional : FREE);
  }
  if (step === ".items") return isSchema(outer.items) ? outer.items : FREE;
  return outer;
}

const FREE: JSONSchemaProps = { "x-kubernetes-preserve-unknown-fields": true };

/** Defaults must be what the schema itself accepts and keeps. */
function checkDefault(props: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const at = `${path}.default`;
  const schema = compileNode(props);
  const value: unknown = props.default;
  if (prune(value, schema).unknown.length > 0) {
    errors.push(fieldError.invalid(at, value, "must not have unknown fields"));
  }
  for (const error of validateValue(value, schema)) {
    errors.push({ ...error, field: error.field === "" ? at : `${at}.${error.field}` });
  }
}

function isSchema(value: unknown): value is JSONSchemaProps {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
