/**
 * The one description of a kind. Built-in kinds (from facts/kinds.json) and CustomResourceDefinitions (structural schemas)
 * compile to this form, and everything that must know a kind reads it: decoding, pruning, defaulting, structural validation,
 * patches, server-side apply, OpenAPI, protobuf, explain.
 */
export type Schema = ObjectSchema | MapSchema | ListSchema | ScalarSchema;

/** What Kubernetes' OpenAPI extensions and JSON-schema keywords add to any node. Absent means unconstrained. */
export interface Constraints {
  readonly nullable?: boolean;
  /** OpenAPI default; a JSON value, deep-copied on use. */
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  /** Value validations of a structural schema: apiextensions/v1.JSONSchemaProps as given. */
  readonly allOf?: readonly unknown[];
  readonly anyOf?: readonly unknown[];
  readonly oneOf?: readonly unknown[];
  readonly not?: unknown;
  /** x-kubernetes-validations as given. */
  readonly validations?: readonly unknown[];
  /** Shown by explain and OpenAPI. */
  readonly description?: string;
}

/** An object with named fields. Inlined Go structs are flattened into their parent. */
export interface ObjectSchema extends Constraints {
  readonly kind: "object";
  /** facts name such as "core/v1.PodSpec"; "" for objects of custom resources. */
  readonly typeName: string;
  /** By JSON name, in output order. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Granular objects are owned field by field in server-side apply, atomic ones as a whole. */
  readonly mapType: "granular" | "atomic";
  /** x-kubernetes-preserve-unknown-fields: fields not named are kept. */
  readonly preserveUnknown: boolean;
  /** x-kubernetes-embedded-resource: apiVersion, kind and metadata are understood besides `fields`. */
  readonly embeddedResource: boolean;
  readonly unions?: readonly unknown[];
  /** Names that must be there besides `fields`; of custom resources only. */
  readonly requiredKeys?: readonly string[];
  /** Of the metadata of a custom resource: what its definition says of it besides. */
  readonly restriction?: Schema;
}

/** String keys, values of one schema. */
export interface MapSchema extends Constraints {
  readonly kind: "map";
  readonly values: Schema;
  readonly mapType: "granular" | "atomic";
  /** Keys that must be there; of custom resources only. */
  readonly requiredKeys?: readonly string[];
}

export interface ListSchema extends Constraints {
  readonly kind: "list";
  readonly items: Schema;
  /** How server-side apply identifies elements. */
  readonly listType: "atomic" | "set" | "map";
  /** JSON names of the key fields; empty unless `listType` is "map". */
  readonly mapKeys: readonly string[];
  /** facts name of a list that is a message of its own in protobuf, such as "authentication/v1.ExtraValue". */
  readonly typeName?: string;
}

/**
 * A leaf. `any` holds every JSON value (RawExtension, JSON, preserve-unknown-fields without properties). Decoded forms:
 * quantity, time, microTime, duration, bytes are strings in canonical text; int64 is a number, or a bigint past 2^53;
 * intOrString is number or string; raw, any and fieldsV1 are JSON values.
 */
export interface ScalarSchema extends Constraints {
  readonly kind: "scalar";
  readonly scalar: Scalar;
  /** facts name of an `any` with a form of its own, such as "apiextensions/v1.JSONSchemaPropsOrBool": see CUSTOM_TYPES. */
  readonly typeName?: string;
  /** What an `any` of a custom resource has to be where it is an object. */
  readonly ifObject?: ObjectSchema | MapSchema;
}

export type Scalar =
  | "string"
  | "int32"
  | "int64"
  | "bool"
  | "double"
  | "bytes"
  | "quantity"
  | "intOrString"
  | "time"
  | "microTime"
  | "duration"
  | "fieldsV1"
  | "raw"
  | "any";

/** A named member of an object. */
export interface Field {
  readonly name: string;
  /** Compiled on first use: kinds are recursive and most are never used. */
  readonly schema: Schema;
  readonly required: boolean;
  /** Go's omitempty / omitzero: when the encoder leaves the field out. "never" prints null for an absent list, map or pointer. */
  readonly omit: "never" | "empty" | "zero" | "emptyOrZero";
  /** Presence matters: absent differs from the zero value. Always true for custom resources. */
  readonly pointer: boolean;
  /** Protobuf field number and wire type of an element; absent where the field has no protobuf form. */
  readonly protobuf?: { readonly number: number; readonly wire: "varint" | "fixed64" | "bytes" };
  /** Of a struct inlined in JSON but nested in protobuf: the numbers to step through before `protobuf`. */
  readonly protobufPath?: readonly number[];
  /** Strategic merge patch; split at commas ("merge", "replace", "retainKeys"). */
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey?: string;
  /** Go's name of the type, as decoding errors show it: "[]v1.Container". Built-in kinds only. */
  readonly goType?: string;
  /** Go's names of the structs that embed the field, outermost first: they stand in decoding errors. */
  readonly embeddedIn?: readonly string[];
}

/** Identifies a kind. `group` is "" for the core group. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Identifies a resource. `group` is "" for the core group; `resource` is the plural, such as "deployments". */
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** "v1" or "apps/v1". */
export function apiVersionOf(gv: { readonly group: string; readonly version: string }): string {
  return gv.group === "" ? gv.version : `${gv.group}/${gv.version}`;
}

/** The inverse of {@link apiVersionOf}. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
